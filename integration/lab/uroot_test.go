package lab

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The base of u-root's commands has no loader, no library and no other shell,
// and works by itself.
func TestURootRoot(t *testing.T) {
	root, err := urootRoot(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(root, "bin"))
	if err != nil || len(entries) != len(urootCommands)+1 {
		t.Fatalf("%d files in /bin, %v; want %d and sh", len(entries), err, len(urootCommands))
	}
	for _, e := range entries {
		f, err := elf.Open(filepath.Join(root, "bin", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP {
				t.Errorf("%s needs a loader", e.Name())
			}
		}
		f.Close()
	}
	sh := &exec.Cmd{
		Path: "/bin/sh", Args: []string{"sh", "-c", "echo $((6*7)); ls / | wc -l; false || echo over"},
		Env: []string{"PATH=/bin"}, Dir: "/", SysProcAttr: &syscall.SysProcAttr{Chroot: root},
	}
	out, err := sh.CombinedOutput()
	if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != "42 1 over" {
		t.Errorf("%q, %v", got, err)
	}
}
