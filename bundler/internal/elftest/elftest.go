// Package elftest makes the files that tests of the bundler work on, with this
// machine's compiler.
package elftest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Compile links a C source with gcc and returns the file.
func Compile(t testing.TB, out, source string, args ...string) string {
	t.Helper()
	Mkdir(t, filepath.Dir(out))
	cmd := exec.Command("gcc", append([]string{"-x", "c", "-", "-x", "none", "-o", out}, args...)...)
	cmd.Stdin = strings.NewReader(source)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gcc %v: %v\n%s", args, err, text)
	}
	return out
}

// Library compiles a shared object whose SONAME is its file name.
func Library(t testing.TB, out, source string, args ...string) string {
	t.Helper()
	return Compile(t, out, source, append([]string{"-shared", "-fPIC", "-Wl,-soname," + filepath.Base(out)}, args...)...)
}

// Mkdir makes a directory and those above it.
func Mkdir(t testing.TB, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

// Write writes a file and makes the directories above it.
func Write(t testing.TB, name, text string, mode os.FileMode) string {
	t.Helper()
	Mkdir(t, filepath.Dir(name))
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return name
}

// Symlink makes a symbolic link and the directories above it.
func Symlink(t testing.TB, target, name string) {
	t.Helper()
	Mkdir(t, filepath.Dir(name))
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

// Jail runs a program with root as its root directory and only the given
// environment, and returns what it printed.
func Jail(t testing.TB, root string, env []string, argv ...string) (string, error) {
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
