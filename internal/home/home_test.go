//go:build unix

package home

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	own := "/tmp/home-" + strconv.Itoa(os.Geteuid())
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, root string)
		wanted  []string
		want    string // a trailing * stands for anything
	}{
		{"the first one", nil, []string{"/a", "/b"}, "/a"},
		{"one that is there", nil, []string{"", "/", "/none", "relative", "/file", "/b"}, "/b"},
		{"none", nil, []string{"/none"}, own},
		{"the root folder by another name", nil, []string{"/a/.."}, own},
		{"one of an earlier time", func(t *testing.T, root string) { mkdir(t, root+own, 0o700) }, nil, own},
		{"a trap: open to all", func(t *testing.T, root string) { mkdir(t, root+own, 0o777) }, nil, own + "-*"},
		{"a trap: a link", func(t *testing.T, root string) {
			if err := os.Symlink("/a", root+own); err != nil {
				t.Fatal(err)
			}
		}, nil, own + "-*"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			for _, dir := range []string{"/a", "/b", "/tmp"} {
				mkdir(t, root+dir, 0o755)
			}
			if err := os.WriteFile(root+"/file", nil, 0o777); err != nil {
				t.Fatal(err)
			}
			if test.prepare != nil {
				test.prepare(t, root)
			}
			got, err := Find(root, test.wanted...)
			if matched, _ := filepath.Match(test.want, got); err != nil || !matched {
				t.Fatalf("%s, %v, want %s", got, err, test.want)
			}
			again, err := Find(root, got)
			if again != got || err != nil {
				t.Errorf("a second time %s, %v", again, err)
			}
		})
	}
}

func TestFindMakesPrivateHome(t *testing.T) {
	root := t.TempDir()
	mkdir(t, root+"/tmp", 0o755)
	dir, err := Find(root)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(root + dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for _, name := range []string{".profile", ".bashrc"} {
		if text, err := os.ReadFile(root + dir + "/" + name); err != nil || len(text) == 0 {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

func TestFindWithoutTmp(t *testing.T) {
	if dir, err := Find(t.TempDir(), "/none"); err == nil || !strings.Contains(err.Error(), "making a home") {
		t.Errorf("%q, %v", dir, err)
	}
}

// mkdir makes a folder of exactly this mode.
func mkdir(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Mkdir(path, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
