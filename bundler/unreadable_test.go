package bundler

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

// asNobody runs f without the right to read what others may not read.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() == 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		// Of this thread alone; the kernel drops CAP_DAC_OVERRIDE with it.
		if _, err := unix.SetfsuidRetUid(65534); err != nil {
			t.Fatal(err)
		}
		defer unix.Setfsuid(0)
	}
	f()
}

// A file that may not be read is an error when it is asked for, and passed over
// when it is searched, as loaders do.
func TestUnreadableFiles(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{root, filepath.Dir(root)} { // others may not enter it
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	lib := elftest.Library(t, root+"/lib/libf.so", "int f(void){return 1;}", "-nostdlib")
	first := elftest.Library(t, root+"/first/libf.so", "int f(void){return 1;}", "-nostdlib")
	elftest.Library(t, root+"/prog.so", "int g(void){return 1;}", "-nostdlib", "-Wl,--no-as-needed", lib, "-Wl,-rpath,/first:/lib")
	if err := os.Chmod(first, 0); err != nil {
		t.Fatal(err)
	}
	asNobody(t, func() {
		s := System{View: NewView(root)}
		if _, _, err := s.Closure("/first/libf.so"); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("error %v, want one of permission", err)
		}
		c, _, err := s.Closure("/prog.so")
		if err != nil {
			t.Fatal(err)
		}
		if to := c.Edges[0].To; to == nil || to.Path != "/lib/libf.so" {
			t.Errorf("found %+v, want the library that can be read", c.Edges[0])
		}
	})
}
