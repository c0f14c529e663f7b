package tree

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

// Open gives a regular file, and of everything else an error without waiting.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/file"
	if err := os.WriteFile(file, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(dir+"/fifo", 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	for name, want := range map[string]string{
		dir: "not a regular file", dir + "/fifo": "not a regular file",
		dir + "/link": "too many levels of symbolic links", dir + "/absent": "no such file",
	} {
		_, err := Open(name)
		var failed *fs.PathError
		if !errors.As(err, &failed) || failed.Path != name || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}
