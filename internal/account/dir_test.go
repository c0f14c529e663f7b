//go:build unix

package account

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file is replaced with its mode, where a link leads to, and nothing else is
// left.
func TestDir(t *testing.T) {
	root := t.TempDir()
	for name, mode := range map[string]os.FileMode{"etc": 0o755, "usr": 0o755} {
		if err := os.Mkdir(filepath.Join(root, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	shared := filepath.Join(root, "usr/passwd")
	for file, text := range map[string]string{shared: "a:x:1:1:::\n", shared + "+": "left by another process"} {
		if err := os.WriteFile(file, []byte(text), 0o604); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../usr/passwd", root+PasswdFile); err != nil {
		t.Fatal(err)
	}
	dir := Dir(root)
	e, err := Edit(dir)
	if err != nil {
		t.Fatal(err)
	}
	e.AddGroup("b", 2, Last)
	e.AddUser(User{Name: "b", UID: 2, GID: 2}, Last)
	if err := e.Save(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(shared)
	if err != nil || string(text) != "a:x:1:1:::\nb:*:2:2:::\n" {
		t.Errorf("%q, %v", text, err)
	}
	if info, err := os.Lstat(root + PasswdFile); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info.Mode(), err)
	}
	for name, want := range map[string]os.FileMode{shared: 0o604, root + GroupFile: 0o644} {
		if info, err := os.Stat(name); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
	if left, _ := filepath.Glob(root + "/*/*+"); left != nil {
		t.Errorf("left: %q", left)
	}
	a, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := a.User("b"); !ok {
		t.Error("b is not found")
	}
}

func TestDirLimit(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(root+PasswdFile, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(root+PasswdFile, maxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadUsers(Dir(root)); err == nil || !strings.Contains(err.Error(), PasswdFile) {
		t.Errorf("%v", err)
	}
}
