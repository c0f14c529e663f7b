//go:build unix

package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Somebody who can write to the parent puts something else in the place of a
// folder that root is working on.
func TestMakeIsNotDeceived(t *testing.T) {
	const wanted = "1000:1000 755"
	for _, test := range []struct {
		name   string
		meddle func(t *testing.T, parent, temporary string)
		err    bool
		made   string // owner and mode of what has the name in the end
	}{
		{name: "nobody", made: wanted},
		{name: "a link to a folder of root's", meddle: func(t *testing.T, parent, temporary string) {
			check(t, os.Rename(temporary, parent+"/away"))
			check(t, os.Symlink("../victim", temporary))
		}},
		{name: "another folder of root's", meddle: func(t *testing.T, parent, temporary string) {
			check(t, os.Rename(temporary, parent+"/away"))
			check(t, os.Rename(parent+"/roots", temporary))
		}, made: "0:0 700"},
		{name: "a file", meddle: func(t *testing.T, parent, temporary string) {
			check(t, os.Rename(temporary, parent+"/away"))
			check(t, os.WriteFile(temporary, nil, 0o600))
		}},
		{name: "the wanted name is taken", meddle: func(t *testing.T, parent, temporary string) {
			check(t, os.MkdirAll(parent+"/home/theirs", 0o700))
		}, err: true, made: "0:0 700"},
		{name: "the wanted name is a link", meddle: func(t *testing.T, parent, temporary string) {
			check(t, os.Symlink("../victim", parent+"/home"))
		}, err: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			parent := root + "/open"
			for _, dir := range []string{root + "/victim", parent, parent + "/roots"} {
				check(t, os.Mkdir(dir, 0o700))
				check(t, os.WriteFile(dir+"/kept", nil, 0o600))
			}
			opened, err := os.OpenRoot(parent)
			check(t, err)
			defer opened.Close()
			err = Make(opened, "home", Attributes{0o755, 1000, 1000}, func(dir *os.Root) error {
				if owner(t, dir.Name()) != "0:0 700" {
					t.Errorf("%s while it is filled", owner(t, dir.Name()))
				}
				if test.meddle != nil {
					test.meddle(t, parent, filepath.Clean(dir.Name()))
				}
				return dir.WriteFile("made", nil, 0o644)
			})
			if (err != nil) != test.err {
				t.Errorf("error %v", err)
			}
			if got := owner(t, parent+"/home"); test.made != "" && got != test.made {
				t.Errorf("%s, want %s", got, test.made)
			}
			if got := owner(t, root+"/victim"); got != "0:0 700" {
				t.Errorf("a folder of root's is %s now", got)
			}
			if _, err := os.Lstat(root + "/victim/made"); err == nil {
				t.Error("a file was made in a folder of root's")
			}
			if names, err := fs.Glob(os.DirFS(parent), ".*"); test.err && (err != nil || len(names) > 0) {
				t.Errorf("left behind: %q, %v", names, err)
			}
		})
	}
}

func TestGive(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"/new", "/full", "/full/of"} {
		check(t, os.Mkdir(root+dir, 0o700))
	}
	check(t, os.Symlink("new", root+"/link"))
	parent, err := os.OpenRoot(root)
	check(t, err)
	defer parent.Close()
	for _, name := range []string{"full", "link"} {
		if err := Give(parent, name, 1000, 0); err == nil {
			t.Errorf("%s was given away", name)
		}
	}
	for name, want := range map[string]string{"full": "0:0 700", "new": "0:0 700"} {
		if got := owner(t, root+"/"+name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	check(t, Give(parent, "new", 1000, 0))
	if got := owner(t, root+"/new"); got != "1000:0 700" {
		t.Errorf("the new one is %s", got)
	}
}

func TestDescend(t *testing.T) {
	root := t.TempDir()
	check(t, os.MkdirAll(root+"/a/b", 0o755))
	check(t, os.Symlink("a", root+"/link"))
	check(t, os.Symlink("/", root+"/a/out"))
	parent, err := os.OpenRoot(root)
	check(t, err)
	defer parent.Close()
	for path, ok := range map[string]bool{"/": true, "/a": true, "/a/b": true, "/a/c": false, "/link": false, "/link/b": false, "/a/out": false, "/a/out/etc": false} {
		dir, err := Descend(parent, path)
		if (err == nil) != ok {
			t.Errorf("%s: %v", path, err)
		}
		if err == nil {
			dir.Close()
		}
	}
}

// A named pipe in the place of a folder does not hold root up.
func TestOpenFolder(t *testing.T) {
	root := t.TempDir()
	check(t, syscall.Mkfifo(root+"/pipe", 0o600))
	check(t, os.Mkdir(root+"/folder", 0o700))
	parent, err := os.OpenRoot(root)
	check(t, err)
	defer parent.Close()
	if _, err := openFolder(parent, "pipe"); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a pipe: %v", err)
	}
	for _, name := range []string{"folder", "."} {
		dir, err := openFolder(parent, name)
		check(t, err)
		dir.Close()
	}
}

// owner describes what is at path itself.
func owner(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Lstat(path)
	check(t, err)
	stat := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d %o", stat.Uid, stat.Gid, info.Mode().Perm())
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
