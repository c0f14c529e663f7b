package bundler

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

// On a file system without room for all, wherever it ends, the copy says so
// and takes back what it has written.
func TestCopyClosureOnAFullDisk(t *testing.T) {
	for _, size := range []string{"size=64k", "size=1m", "size=5m"} {
		t.Run(size, func(t *testing.T) {
			dest := t.TempDir()
			if err := unix.Mount("tmpfs", dest, "tmpfs", 0, size); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { unix.Unmount(dest, unix.MNT_DETACH) })
			if _, err := copyOf(t, "/", dest, "/bin/bash"); !errors.Is(err, unix.ENOSPC) {
				t.Fatalf("error %v", err)
			}
			err := filepath.WalkDir(dest, func(name string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					t.Errorf("left behind: %s", name)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// What the C library reads is not replaced either.
func TestCopyClosureKeepsDataOfTheCLibrary(t *testing.T) {
	for _, name := range []string{testPrefix + nssFile, testPrefix + gconvFolder + "/gconv-modules"} {
		dest := t.TempDir()
		file := elftest.Write(t, dest+name, "mine", 0o644)
		if _, err := copyOf(t, "/", dest, "/bin/bash"); err == nil {
			t.Errorf("%s: no error", name)
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != "mine" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

// A file that is written to while it is copied is not taken.
func TestCopyClosureNoticesChanges(t *testing.T) {
	root, dest := t.TempDir(), t.TempDir()
	name := elftest.Library(t, root+"/libf.so", "int f(void){return 1;}", "-nostdlib")
	const size = 64 << 20 // takes a while
	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	copied, stopped := make(chan struct{}), make(chan error)
	started := make(chan struct{})
	go func() {
		for i := 0; ; i++ {
			if _, err := f.WriteAt([]byte{byte(i)}, size-1); err != nil {
				stopped <- err
				return
			}
			if i == 0 {
				close(started)
			}
			select {
			case <-copied:
				stopped <- nil
				return
			default:
			}
		}
	}()
	<-started
	_, err = copyOf(t, root, dest, "/libf.so")
	close(copied)
	if !errors.Is(err, errChanged) || !strings.Contains(err.Error(), "/libf.so") {
		t.Errorf("error %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(dest + "/openhands/lib/*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
