//go:build linux

package setup

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// process is what a program that the stub started sees of itself.
type process struct {
	UID, EUID int
	Args, Env []string
	Secure    bool
}

// asStubTarget makes the test binary the program that a stub starts.
const asStubTarget = "SETUP_TEST_STUB_TARGET=1"

func TestMain(m *testing.M) {
	if os.Getenv("SETUP_TEST_STUB_TARGET") == "" {
		os.Exit(m.Run())
	}
	secure, err := secureMode()
	if err != nil {
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(process{os.Getuid(), os.Geteuid(), os.Args, os.Environ(), secure}); err != nil {
		panic(err)
	}
}

// secureMode reads AT_SECURE of the auxiliary vector, see getauxval(3).
func secureMode() (bool, error) {
	vector, err := unix.Auxv()
	for _, pair := range vector {
		if pair[0] == 23 { // AT_SECURE
			return pair[1] != 0, err
		}
	}
	return false, err
}

// installStub puts a setuid stub where any user can run it.
func installStub(t *testing.T, arch, program string) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "stub")
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	check(t, os.Chmod(folder, 0o755))
	content, err := Stub(arch, program)
	check(t, err)
	path := filepath.Join(folder, "sudo")
	check(t, Apply(folder, []Change{{Path: "/sudo", Mode: stubMode, Content: content}}))
	return path
}

// run starts a program as an ordinary user.
func run(t *testing.T, cmd *exec.Cmd) process {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4711, Gid: 4711}}
	cmd.Dir = "/"
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	check(t, err)
	var p process
	check(t, json.Unmarshal(out, &p))
	return p
}

func TestStub(t *testing.T) {
	self, err := os.Executable()
	check(t, err)
	cmd := exec.Command(installStub(t, "amd64", self), "-n", "id", "")
	cmd.Args[0] = "sudo"
	cmd.Env = []string{"A=b", "G", "GODEBUG=inittrace=1", "GO=", asStubTarget, "AGO=1"}
	want := process{
		UID: 4711, EUID: 0, Secure: true,
		Args: []string{"sudo", "-n", "id", ""},
		// The last one is the Go runtime's in secure mode.
		Env: []string{"A=b", "G", "\x01ODEBUG=inittrace=1", "\x01O=", asStubTarget, "AGO=1", "GOTRACEBACK=none"},
	}
	if diff := cmp.Diff(want, run(t, cmd)); diff != "" {
		t.Error(diff)
	}
}

func TestStubWithoutProgram(t *testing.T) {
	cmd := exec.Command(installStub(t, "amd64", "/does/not/exist"))
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 126 {
		t.Errorf("%v, want exit status 126", err)
	}
}

// The code for arm64 runs in user-mode emulation. The program that it starts
// is this one again, by way of the host's kernel.
func TestStubArm64(t *testing.T) {
	const emulator = "qemu-aarch64-static"
	if _, err := exec.LookPath(emulator); err != nil {
		t.Fatalf("%v (Debian package qemu-user-static)", err)
	}
	folder, err := os.MkdirTemp("", "stub")
	check(t, err)
	defer os.RemoveAll(folder)
	check(t, os.Chmod(folder, 0o755))
	self, err := os.Executable()
	check(t, err)
	program, err := os.ReadFile(self)
	check(t, err)
	check(t, os.WriteFile(folder+"/target", program, 0o755))

	cmd := exec.Command(emulator, "-0", "sudo", installStub(t, "arm64", folder+"/target"), "-n", "id", "")
	cmd.Env = []string{"A=b", "GODEBUG=x=1", asStubTarget}
	want := process{UID: 4711, EUID: 4711, Args: []string{"sudo", "-n", "id", ""}, Env: []string{"\x01ODEBUG=x=1", "A=b", asStubTarget}}
	got := run(t, cmd)
	slices.Sort(got.Env) // the emulator turns it round
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	cmd = exec.Command(emulator, installStub(t, "arm64", "/does/not/exist"))
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 126 {
		t.Errorf("%v, want exit status 126", err)
	}
}

func TestStubFile(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		content, err := Stub(arch, payload.Sudo)
		check(t, err)
		f, err := elf.NewFile(bytes.NewReader(content))
		check(t, err)
		if f.Machine != machine || f.Type != elf.ET_EXEC {
			t.Errorf("%s: %v %v", arch, f.Machine, f.Type)
		}
		for _, p := range f.Progs {
			if p.Flags&elf.PF_W != 0 && p.Flags&elf.PF_X != 0 || p.Type == elf.PT_INTERP {
				t.Errorf("%s: segment %+v", arch, p.ProgHeader)
			}
		}
		if len(content) > 300 || strings.Count(string(content), payload.Sudo+"\x00") != 1 {
			t.Errorf("%s: %d bytes", arch, len(content))
		}
	}
	if stubMode&fs.ModeSetuid == 0 {
		t.Error("not setuid")
	}
}
