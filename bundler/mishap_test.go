package bundler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

// Whatever goes wrong, the error says so and the file is as it was.
func TestSealLeavesFilesOnMishap(t *testing.T) {
	_, opt := hostMachine(t)
	s := Sealer{Prefix: testPrefix, Machine: opt.Machine}
	program := elftest.Compile(t, t.TempDir()+"/program", "int main(){return 0;}")
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	content := string(data)
	cases := []struct {
		name   string
		mishap func(t *testing.T, root, file string) // after planning
		want   error
		remedy string
		after  string // empty: the file is not there
	}{
		{"written to", func(t *testing.T, _, file string) {
			elftest.Write(t, file, content+"more", 0o755)
		}, errChanged, "nothing else writes", content + "more"},
		{"touched", func(t *testing.T, _, file string) {
			if err := os.Chtimes(file, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		}, errChanged, "nothing else writes", content},
		{"replaced by a FIFO", func(t *testing.T, _, file string) {
			mustRemove(t, file)
			if err := unix.Mkfifo(file, 0o600); err != nil {
				t.Fatal(err)
			}
		}, nil, "", ""},
		{"replaced by a directory", func(t *testing.T, _, file string) {
			mustRemove(t, file)
			elftest.Mkdir(t, file)
		}, nil, "", ""},
		{"replaced by a link", func(t *testing.T, _, file string) {
			if err := os.Rename(file, file+"2"); err != nil {
				t.Fatal(err)
			}
			elftest.Symlink(t, file+"2", file)
		}, unix.ELOOP, "", content},
		{"gone", func(t *testing.T, _, file string) { mustRemove(t, file) }, fs.ErrNotExist, "", ""},
		{"read-only", func(t *testing.T, root, _ string) {
			if err := unix.Mount("", root, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
				t.Fatal(err)
			}
		}, unix.EROFS, "seal a copy", content},
		{"no space", func(t *testing.T, root, _ string) {
			fill, err := os.Create(root + "/fill")
			if err != nil {
				t.Fatal(err)
			}
			defer fill.Close()
			for err == nil {
				_, err = fill.Write(make([]byte, 1<<12))
			}
		}, unix.ENOSPC, "free space", content},
	}
	for _, c := range cases {
		for _, inPlace := range []bool{false, true} {
			if inPlace && errors.Is(c.want, unix.ENOSPC) {
				continue // needs none
			}
			t.Run(fmt.Sprintf("%s, in place %v", c.name, inPlace), func(t *testing.T) {
				root := t.TempDir()
				if err := unix.Mount("tmpfs", root, "tmpfs", 0, "size=256k"); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { unix.Unmount(root, unix.MNT_DETACH) })
				file := elftest.Write(t, root+"/openhands/bin/program", content, 0o755)
				plan, err := s.Plan(t.Context(), root)
				if err != nil || len(plan.Patches) == 0 {
					t.Fatalf("%+v, %v", plan, err)
				}
				c.mishap(t, root, file)
				err = plan.apply(t.Context(), inPlace)
				var refused *Refusal
				if !errors.As(err, &refused) || c.want != nil && !errors.Is(err, c.want) {
					t.Fatalf("error %v, want a refusal for %v", err, c.want)
				}
				if refused.Path != "/openhands/bin/program" || !strings.Contains(refused.Remedy, c.remedy) || plan.Report.Sealed != 0 {
					t.Errorf("%+v, sealed %d", refused, plan.Report.Sealed)
				}
				if c.after != "" {
					if after, err := os.ReadFile(file); err != nil || string(after) != c.after {
						t.Errorf("the file was changed, %v", err)
					}
				}
				left, err := os.ReadDir(root + "/openhands/bin")
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range left {
					if strings.HasPrefix(e.Name(), ".oh-bundle") {
						t.Errorf("left behind: %s", e.Name())
					}
				}
			})
		}
	}
}

// Where one file cannot be sealed, no other is either.
func TestSealRefusesTheWholeTree(t *testing.T) {
	a, opt := hostMachine(t)
	s := Sealer{Prefix: testPrefix + "/xx", Machine: opt.Machine}
	fine := elftest.Compile(t, opt.Out+s.Prefix+"/fine", "int main(){return 0;}")
	elftest.Compile(t, opt.Out+s.Prefix+"/short", "int main(){return 0;}", "-Wl,--dynamic-linker=/"+a.loader)
	report, err := s.Seal(t.Context(), opt.Out)
	var refused *Refusal
	if !errors.As(err, &refused) || refused.Path != s.Prefix+"/short" ||
		!strings.Contains(refused.Reason, "no room for the interpreter") || !strings.Contains(refused.Remedy, a.interp) {
		t.Errorf("error %v", err)
	}
	if len(report.Refused) != 1 || report.Refused[0] != refused {
		t.Errorf("refused %v", report.Refused)
	}
	if o := mustObject(t, fine); o.Interp != a.interp {
		t.Error("a file was sealed although another could not be")
	}
}

// The same as another user: what cannot be read is an error that names it.
func TestSealUnreadable(t *testing.T) {
	_, opt := hostMachine(t)
	s := Sealer{Prefix: testPrefix, Machine: opt.Machine}
	if root := os.Getenv("UNREADABLE_ROOT"); root != "" {
		_, err := s.Seal(t.Context(), root)
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "/openhands/bin/secret") {
			t.Errorf("error %v", err)
		}
		return
	}
	root, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	secret := elftest.Compile(t, root+"/openhands/bin/secret", "int main(){return 0;}")
	for name, mode := range map[string]fs.FileMode{root: 0o777, root + "/openhands/bin": 0o777, secret: 0o700} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestSealUnreadable$", "-test.v")
	cmd.Env = append(os.Environ(), "UNREADABLE_ROOT="+root, "TMPDIR="+root)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestSealUnreadable") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A tree of anything but regular files is walked without waiting for them.
func TestSealPassesOtherKinds(t *testing.T) {
	_, opt := hostMachine(t)
	dir := opt.Out + "/openhands/x"
	elftest.Mkdir(t, dir)
	if err := unix.Mkfifo(dir+"/fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	elftest.Symlink(t, "fifo", dir+"/link")
	if err := unix.Mknod(dir+"/device", unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))); err != nil {
		t.Fatal(err)
	}
	elftest.Write(t, dir+"/text", "not ELF", 0o644)
	elftest.Write(t, dir+"/empty", "", 0o644)
	s := Sealer{Prefix: testPrefix, Machine: opt.Machine}
	if report, err := s.Seal(t.Context(), opt.Out); err != nil || report.Sealed+report.Already > 0 {
		t.Errorf("%+v, %v", report, err)
	}
	for _, root := range []string{t.TempDir(), "/dev/null", dir + "/text"} {
		if _, err := s.Seal(t.Context(), root); err == nil || !strings.Contains(err.Error(), root) {
			t.Errorf("%s: error %v", root, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Seal(ctx, opt.Out); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// Access control lists, capabilities and attributes of the user stay.
func TestSealKeepsAttributes(t *testing.T) {
	want := map[string]string{
		"user.origin": "here",
		"user.large":  strings.Repeat("x", 1000),
		// VFS_CAP_REVISION_2 with CAP_NET_RAW.
		"security.capability": "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		// Version 2; the owner, user 1000, the group, the mask and others.
		"system.posix_acl_access": "\x02\x00\x00\x00\x01\x00\x07\x00\xff\xff\xff\xff\x02\x00\x05\x00\xe8\x03\x00\x00" +
			"\x04\x00\x05\x00\xff\xff\xff\xff\x10\x00\x05\x00\xff\xff\xff\xff\x20\x00\x00\x00\xff\xff\xff\xff",
	}
	for _, inPlace := range []bool{false, true} {
		_, opt := hostMachine(t)
		name := elftest.Compile(t, opt.Out+"/openhands/bin/a", "int main(){return 0;}")
		for attr, value := range want {
			if err := unix.Setxattr(name, attr, []byte(value), 0); err != nil {
				t.Fatalf("%s: %v", attr, err)
			}
		}
		if err := os.Chmod(name, 0o750|fs.ModeSetuid); err != nil {
			t.Fatal(err)
		}
		s := Sealer{Prefix: testPrefix, Machine: opt.Machine, InPlace: inPlace}
		if report, err := s.Seal(t.Context(), opt.Out); err != nil || report.Sealed != 1 {
			t.Fatal(report, err)
		}
		for attr, value := range want {
			b := make([]byte, 2000)
			n, err := unix.Getxattr(name, attr, b)
			if err != nil || string(b[:n]) != value {
				t.Errorf("%s is %q, %v; want %q", attr, b[:max(n, 0)], err, value)
			}
		}
		if info, err := os.Stat(name); err != nil || info.Mode() != 0o750|fs.ModeSetuid {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	}
}

// In place, files keep their inode unless they run or have a link elsewhere.
func TestSealInPlace(t *testing.T) {
	_, opt := hostMachine(t)
	const source = "#include <stdio.h>\nint main(){ return getchar() - 'x'; }"
	plain := elftest.Compile(t, opt.Out+"/openhands/bin/plain", source)
	shared := elftest.Compile(t, opt.Out+"/openhands/bin/shared", source)
	running := elftest.Compile(t, opt.Out+"/openhands/bin/running", source)
	elsewhere := opt.Out + "/elsewhere"
	if err := os.Link(shared, elsewhere); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(running)
	feed, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil { // returns when the program was executed
		t.Fatal(err)
	}
	before := inventory(t, opt.Out)
	s := Sealer{Prefix: testPrefix, Machine: opt.Machine, InPlace: true}
	if report, err := s.Seal(t.Context(), opt.Out); err != nil || report.Sealed != 3 {
		t.Fatal(report, err)
	}
	after := inventory(t, opt.Out)
	for name, same := range map[string]bool{plain: true, shared: false, running: false} {
		if got := cmp.Equal(before[name], after[name]); got != same {
			t.Errorf("%s is the same file: %v, want %v", name, got, same)
		}
		if o := mustObject(t, name); o.Interp != "/openhands/lib/ld.so" {
			t.Errorf("%s is not sealed", name)
		}
	}
	if o := mustObject(t, elsewhere); o.Interp == "/openhands/lib/ld.so" {
		t.Error("a file outside the tree was sealed")
	}
	if _, err := feed.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the running program: %v", err)
	}
	s.InPlace = false
	if report, err := s.Seal(t.Context(), opt.Out); err != nil || report.Sealed != 0 {
		t.Error(report, err)
	}
}

// The edits of a plan, made by hand, are what sealing does.
func TestPlanSaysWhatSealDoes(t *testing.T) {
	_, opt := hostMachine(t)
	name := elftest.Compile(t, opt.Out+"/openhands/bin/a", "int main(){return 0;}", "-Wl,-rpath,/build", "-z", "execstack")
	s := Sealer{Prefix: testPrefix, Machine: opt.Machine}
	plan, err := s.Plan(t.Context(), opt.Out)
	if err != nil {
		t.Fatal(err)
	}
	byHand, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]bool{}
	for _, e := range plan.Patches {
		if e.Path != "/openhands/bin/a" || string(byHand[e.Offset:][:len(e.Old)]) != string(e.Old) {
			t.Errorf("%+v does not fit the file", e)
		}
		copy(byHand[e.Offset:], e.New)
		reasons[e.Reason] = true
	}
	for _, want := range []string{"interpreter", "stack not executable", "string /openhands/lib", "dynamic section: search path"} {
		if !reasons[want] {
			t.Errorf("no edit for %q in %v", want, plan.Patches)
		}
	}
	if _, err := s.Seal(t.Context(), opt.Out); err != nil {
		t.Fatal(err)
	}
	if sealed, err := os.ReadFile(name); err != nil || string(sealed) != string(byHand) {
		t.Errorf("the sealed file differs from the plan, %v", err)
	}
	if plan, err = s.Plan(t.Context(), opt.Out); err != nil || len(plan.Patches) > 0 || plan.Report.Already != 1 {
		t.Errorf("after sealing: %+v, %v", plan, err)
	}
}

func mustRemove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}
