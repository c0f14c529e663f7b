package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The tools for a broken payload do their work, and their status tells of every
// failure, also where they go on after it or cannot print.
func TestTools(t *testing.T) {
	program := build(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	must(t, err)
	defer full.Close()
	const sum = "434728a410a78f56fc1b5899c3593436e61ab0c731e9072d95e96db290205e53" // of "content\n"
	for _, test := range []struct {
		args   []string
		full   bool // standard output is a full disk
		status int
		out    string
		says   string // on standard error
		makes  string // a file
	}{
		{args: []string{"cat", "file", "dir/other"}, out: "content\nother\n"},
		{args: []string{"cat", "none"}, status: 1, says: "cat: open none: no such file"},
		{args: []string{"cat", "file"}, full: true, status: 1},
		{args: []string{"ls"}, out: "dir\nfile\nlink\n"},
		{args: []string{"ls", "-a", "dir"}, out: ".hidden\nother\n"},
		{args: []string{"ls", "-d", "dir", "link"}, out: "dir\nlink\n"},
		{args: []string{"ls", "link", "dir"}, out: "link\ndir:\nother\n"},
		{args: []string{"ls", "-l", "link"}, out: " link -> file\n"},
		{args: []string{"ls", "none", "file"}, status: 1, out: "file\n", says: "ls: lstat none: no such file"},
		{args: []string{"ls", "-x"}, status: 1, says: "not defined: -x"},
		{args: []string{"ls"}, full: true, status: 1, says: "no space left"},
		{args: []string{"find", ".", "-name", "o*"}, out: "dir/other\n"},
		{args: []string{"find", "-type", "l", "."}, out: "link\n"},
		{args: []string{"find", "none"}, status: 1, says: "none"},
		{args: []string{"find", ".", "-name", "["}, status: 1, says: "syntax error in pattern"},
		{args: []string{"find", "."}, full: true, status: 1, says: "no space left"},
		{args: []string{"shasum", "-a", "256", "file"}, out: sum + " file\n"},
		{args: []string{"shasum", "none"}, status: 1, says: "no such file"},
		{args: []string{"shasum", "file"}, full: true, status: 1, says: "no space left"},
		{args: []string{"mkdir", "-p", "a/b"}, makes: "a/b"},
		{args: []string{"mkdir", "file", "new"}, status: 1, says: "file exists", makes: "new"},
		{args: []string{"mkdir"}, status: 1, says: "no directories"},
		{args: []string{"mv", "file", "dir"}, makes: "dir/file"},
		{args: []string{"mv", "none", "dir"}, status: 1, says: "no such file"},
		{args: []string{"touch", "new"}, makes: "new"},
		{args: []string{"touch", "none/new", "new"}, status: 1, says: "no such file", makes: "new"},
		{args: []string{"touch", "--help"}, says: "Usage: touch"},
		{args: []string{"--help"}, out: usage + "\n"},
		{args: nil, status: 2, says: usage},
		// Those that hide failures are not there.
		{args: []string{"cp", "none", "file", "dir"}, status: 2, says: usage},
		{args: []string{"rm", "-f", "file"}, status: 2, says: usage},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.MkdirAll(dir+"/dir", 0o755))
			must(t, os.WriteFile(dir+"/file", []byte("content\n"), 0o644))
			must(t, os.WriteFile(dir+"/dir/other", []byte("other\n"), 0o644))
			must(t, os.WriteFile(dir+"/dir/.hidden", nil, 0o644))
			must(t, os.Symlink("file", dir+"/link"))
			var out, says strings.Builder
			cmd := exec.Command(program, test.args...)
			cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &says
			if test.full {
				cmd.Stdout = full
			}
			cmd.Run() // its status is looked at
			if code := cmd.ProcessState.ExitCode(); code != test.status {
				t.Errorf("status %d, want %d", code, test.status)
			}
			if got := out.String(); !strings.HasSuffix(got, test.out) || test.out == "" && got != "" {
				t.Errorf("prints %q, want %q", got, test.out)
			}
			if !strings.Contains(says.String(), test.says) {
				t.Errorf("says %q, want %q", says.String(), test.says)
			}
			if _, err := os.Lstat(filepath.Join(dir, test.makes)); err != nil {
				t.Error(err)
			}
		})
	}
}

// It needs nothing but itself: neither loader nor libraries, accounts or
// configuration.
func TestRunsInAnEmptyRoot(t *testing.T) {
	program := build(t)
	for _, args := range [][]string{{"ls", "-la", "/"}, {"find", "/", "-l"}, {"shasum", "/oh-rescue"}} {
		cmd := exec.Command("/oh-rescue", args...)
		cmd.Err, cmd.Env, cmd.Dir = nil, []string{}, "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: filepath.Dir(program)}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "oh-rescue") {
			t.Errorf("%q: %v: %s", args, err, out)
		}
	}
}

// build makes the program as it goes into images.
func build(t *testing.T) string {
	t.Helper()
	program := t.TempDir() + "/oh-rescue"
	cmd := exec.Command("go", "build", "-o", program, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
