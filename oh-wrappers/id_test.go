package main

import (
	"bytes"
	"errors"
	"os/exec"
	"syscall"
	"testing"
)

// execute runs path of a changed root as root without supplementary groups.
func execute(t *testing.T, root, path string, argv []string) (code int, out string) {
	t.Helper()
	var b bytes.Buffer
	command := &exec.Cmd{Path: path, Args: argv, Dir: "/", Env: []string{}, Stdout: &b, Stderr: &b,
		SysProcAttr: &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{}}}
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), b.String()
}

func TestID(t *testing.T) {
	root := newRoot(t, nil)
	for _, test := range []struct {
		line string
		code int
		out  string
	}{
		{line: "id -u openhands", out: "1000\n"},
		{line: "id -u 1000", out: "1000\n"},
		{line: "id -un openhands", out: "openhands\n"},
		{line: "id -gn openhands", out: "openhands\n"},
		{line: "id -G openhands", out: "1000 27 29\n"},
		{line: "id --groups --name openhands", out: "openhands sudo audio\n"},
		{line: "id openhands", out: "uid=1000(openhands) gid=1000(openhands) groups=1000(openhands),27(sudo),29(audio)\n"},
		{line: "id", out: "uid=0(root) gid=0(root) groups=0(root)\n"},
		{line: "id -u", out: "0\n"},
		// The server tells by status 1 that it has to make the user.
		{line: "id -u agent", code: 1, out: "id: agent: no such user\n"},
		{line: "id -u 4242", code: 1, out: "id: 4242: no such user\n"},
		{line: "id -u -g", code: 2, out: "id: only one of -u, -g and -G can be asked for\n"},
		{line: "id -n", code: 2, out: "id: -n needs one of -u, -g and -G\n"},
	} {
		if code, out := asRoot(t, root, test.line); code != test.code || out != test.out {
			t.Errorf("%s: status %d, %q; want %d, %q", test.line, code, out, test.code, test.out)
		}
	}
	// A root file system without any account, as scratch has.
	if code, out := asRoot(t, t.TempDir(), "id"); code != 0 || out != "uid=0 gid=0 groups=0\n" {
		t.Errorf("id without accounts: status %d, %q", code, out)
	}
}
