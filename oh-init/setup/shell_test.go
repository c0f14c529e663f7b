//go:build linux

package setup

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// alpine returns an Alpine root that is set up.
func alpine(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	check(t, os.Chmod(root, 0o755))
	unpackArchive(t, root, "alpine-3.20.3-x86_64.tar.gz")
	check(t, Apply(root, plan(t, root, Options{Sudo: true, Arch: "amd64"})))
	return root
}

// in runs a command of root in it and returns its output.
func in(t *testing.T, root string, env []string, command ...string) string {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	cmd.Dir, cmd.Env = "/", env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%q: %v\n%s", command, err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// The shell's version of Path against Path, in two shells.
func TestLoginPathScript(t *testing.T) {
	for _, tools := range []payload.Tools{payload.BaseFirst, payload.PayloadFirst} {
		t.Run(string(tools), func(t *testing.T) { compareLoginPath(t, tools) })
	}
}

func compareLoginPath(t *testing.T, tools payload.Tools) {
	root := alpine(t)
	script := loginPathScript(tools) + `printf '%s\n' "$PATH"`
	for _, path := range []string{
		"",
		"/bin",
		payload.SystemPath,
		payload.BaseFirst.Path(""),
		payload.BaseFirst.Path("/a b:/c"),
		payload.PayloadFirst.Path("/a b:/c"),
		payload.Bin,
		payload.FallbackBin + ":" + payload.FallbackBin + ":" + payload.Bin + ":" + payload.Bin,
		payload.CompatBin + ":/usr/bin:" + payload.CompatBin,
		"/openhands/binary:/x" + payload.Bin + ":/usr/bin",
		"/*:/usr/bin",
	} {
		env := []string{"PATH=" + path}
		want := tools.Path(path)
		if got := in(t, root, env, "/bin/sh", "-euc", script); got != want {
			t.Errorf("BusyBox, PATH %q: got %q, want %q", path, got, want)
		}
		if got := in(t, "", env, "/bin/bash", "-euc", script); got != want {
			t.Errorf("bash, PATH %q: got %q, want %q", path, got, want)
		}
	}
	if got := in(t, "", nil, "/bin/sh", "-euc", "unset PATH; "+script); got != tools.Path("") {
		t.Errorf("no PATH: %q", got)
	}
}

// What the programs of a real base make of the result.
func TestAlpineAfterSetup(t *testing.T) {
	root := alpine(t)
	login := []string{"/bin/su", "-s", "/bin/sh", "-", payload.User, "-c"}
	for _, test := range []struct {
		name    string
		command []string
		want    string
	}{
		{"identity", append(login, "id"), "uid=1000(openhands) gid=1000(openhands) groups=998(sudo),1000(openhands)"},
		{"home", append(login, "pwd; touch x && ls -n x | cut -c1-30"), "/home/openhands\n-rw-r--r--    1 1000     1000 "},
		{"PATH after login", append(login, "echo $PATH"), "/home/openhands/.local/bin:" + payload.BaseFirst.Path("")},
		{"PATH of root's login", []string{"/bin/sh", "-lc", "echo $PATH"}, "/root/.local/bin:" + payload.BaseFirst.Path("")},
		{"workspace", append(login, "mkdir "+payload.Workspace+"/d; stat -c '%U:%G %a' "+payload.Workspace+" "+payload.Workspace+"/d"), "openhands:root 2775\nopenhands:root 2755"},
		{"accounts of the base", []string{"/usr/bin/getent", "passwd", "nobody"}, "nobody:x:65534:65534:nobody:/:/sbin/nologin"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := in(t, root, []string{"PATH=/bin:/usr/bin", "HOME=/root"}, test.command...); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// OpenHands appends variables to ~/.bashrc; a login bash has them, whatever
// file the home had before.
func TestLoginBashReadsBashrc(t *testing.T) {
	for name, skeleton := range map[string]tree{
		"no skeleton":   nil,
		".bash_profile": {file("/etc/skel/.bash_profile", "export A=1", 0o644)},
		".bash_login":   {file("/etc/skel/.bash_login", "A=1\n", 0o644), file("/etc/skel/.profile", bashProfile, 0o644)},
		".profile":      {file("/etc/skel/.profile", bashProfile, 0o644)},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			skeleton.unpack(t, root)
			check(t, Apply(root, plan(t, root, Options{})))
			home := root + "/home/openhands"
			f, err := os.OpenFile(home+"/.bashrc", os.O_APPEND|os.O_WRONLY, 0)
			check(t, err)
			_, err = f.WriteString("export KEPT=\"a value\"\n")
			check(t, err)
			check(t, f.Close())
			if got := in(t, "", []string{"HOME=" + home, "PATH=/bin:/usr/bin"}, "/bin/bash", "-lc", "echo $KEPT"); got != "a value" {
				t.Errorf("KEPT is %q", got)
			}
		})
	}
}
