package bundler

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

const testPrefix = "/openhands"

// compile links a C source with the machine's compiler and returns the file.
func compile(t testing.TB, out, source string, args ...string) string {
	t.Helper()
	mustMkdir(t, filepath.Dir(out))
	cmd := exec.Command("gcc", append([]string{"-x", "c", "-", "-x", "none", "-o", out}, args...)...)
	cmd.Stdin = strings.NewReader(source)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gcc %v: %v\n%s", args, err, text)
	}
	return out
}

// library compiles a shared object whose SONAME is its file name.
func library(t testing.TB, out, source string, args ...string) string {
	t.Helper()
	return compile(t, out, source, append([]string{"-shared", "-fPIC", "-Wl,-soname," + filepath.Base(out)}, args...)...)
}

func mustMkdir(t testing.TB, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func mustWrite(t testing.TB, name, text string, mode os.FileMode) string {
	t.Helper()
	mustMkdir(t, filepath.Dir(name))
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return name
}

func mustLink(t testing.TB, target, name string) {
	t.Helper()
	mustMkdir(t, filepath.Dir(name))
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func mustObject(t testing.TB, host string) *Object {
	t.Helper()
	f, err := os.Open(host)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	o, err := ReadObject(f)
	if err != nil {
		t.Fatalf("%s: %v", host, err)
	}
	return o
}

// inJail runs a program with root as its root directory and only the given
// environment, and returns what it printed.
func inJail(t testing.TB, root string, env []string, argv ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Path, cmd.Err = argv[0], nil
	cmd.Env, cmd.Dir = env, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// hostMachine returns what the tests run on, and options for a component of it.
func hostMachine(t testing.TB) (abi, ComponentOptions) {
	t.Helper()
	machine, err := Machine(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	return abis[machine], ComponentOptions{Prefix: testPrefix, Root: "/", Out: t.TempDir(), Libs: t.TempDir(), Machine: machine}
}
