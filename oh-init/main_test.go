package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// program is the built oh-init.
var program []byte

func TestMain(m *testing.M) {
	status := 1
	if err := build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		status = m.Run()
	}
	os.Exit(status)
}

func build() error {
	folder, err := os.MkdirTemp("", "oh-init")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	cmd := exec.Command("go", "build", "-o", folder+"/oh-init", ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building oh-init: %w\n%s", err, out)
	}
	program, err = os.ReadFile(folder + "/oh-init")
	return err
}

// alpine returns an Alpine root with oh-init in its place and a device or two.
// The archive lies in bases/ of the folder OH_SHARED, by default beside the
// repository.
func alpine(t *testing.T) string {
	t.Helper()
	shared := os.Getenv("OH_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "shared")
	}
	f, err := os.Open(filepath.Join(shared, "bases", "alpine-3.20.3-x86_64.tar.gz"))
	if err != nil {
		t.Fatalf("%v (set OH_SHARED to the folder that holds bases/)", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	check(t, err)
	root := t.TempDir()
	check(t, os.Chmod(root, 0o755))
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		check(t, err)
		path := filepath.Join(root, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			check(t, os.MkdirAll(path, 0o755))
			check(t, os.Chmod(path, h.FileInfo().Mode()))
		case tar.TypeSymlink:
			check(t, os.Symlink(h.Linkname, path))
		case tar.TypeReg:
			content, err := io.ReadAll(r)
			check(t, err)
			check(t, os.WriteFile(path, content, h.FileInfo().Mode()))
		}
	}
	check(t, os.MkdirAll(root+payload.Bin, 0o755))
	check(t, os.WriteFile(root+payload.Init, program, 0o755))
	check(t, unix.Mknod(root+"/dev/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	return root
}

// container is oh-init as PID 1 of a new PID namespace in root.
func container(t *testing.T, root string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, payload.Init, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Cloneflags: syscall.CLONE_NEWPID}
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	return cmd
}

func TestExitStatus(t *testing.T) {
	root := alpine(t)
	check(t, os.WriteFile(root+"/bin/not-executable", nil, 0o644))
	check(t, os.WriteFile(root+"/bin/no-program", []byte("\x7fELF"), 0o755))
	server := root + payload.Bin + "/oh-action-execution-server"
	check(t, os.WriteFile(server, []byte("#!/bin/sh\necho served; exit 9\n"), 0o755))
	for _, test := range []struct {
		args   []string
		status int
		out    string
	}{
		{[]string{"true"}, 0, ""},
		{[]string{"--", "sh", "-c", "echo $$ $PPID; exit 42"}, 42, " 1\n"},
		{[]string{"sh", "-c", "kill -KILL $$"}, 137, ""},
		{[]string{"sh", "-c", "kill -TERM $$"}, 143, ""},
		{[]string{"--", "setup"}, 127, "setup"},
		{[]string{"/no/such/program"}, 127, "/no/such/program"},
		{[]string{"/bin/not-executable"}, 126, "permission denied"},
		{[]string{"no-program"}, 126, "no-program"},
		{nil, 9, "served\n"},
		{[]string{"--"}, 9, "served\n"},
		{[]string{"--help"}, 0, "usage: oh-init"},
		{[]string{"--hlep"}, 2, "-hlep"},
		{[]string{"setup", "extra"}, 2, "extra"},
		{[]string{"setup", "--user", "a:b"}, 1, "a:b"},
		{[]string{"setup", "--uid", "0"}, 2, "--uid 0"},
		{[]string{"setup", "--root", "/no/such/folder"}, 1, "/no/such/folder"},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			cmd := container(t, root, test.args...)
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != test.status {
				t.Errorf("%v, want exit status %d", err, test.status)
			}
			if !strings.Contains(string(out), test.out) {
				t.Errorf("output %q, want one with %q", out, test.out)
			}
		})
	}
}

// A client starts the server by a name of the server's own image.
func TestEntrances(t *testing.T) {
	root := alpine(t)
	agentServer := payload.ServerNamed(payload.AgentServer)
	for program, text := range map[string]string{
		agentServer.Launcher():     "#!/bin/sh\necho $PPID $RUNTIME_USERNAME: \"$@\"; exit 9\n",
		payload.Bin + "/oh-python": "#!/bin/sh\necho python $$: \"$@\"; exit 3\n",
	} {
		check(t, os.WriteFile(root+program, []byte(text), 0o755))
	}
	for _, entrance := range agentServer.Entrances {
		check(t, os.MkdirAll(filepath.Dir(root+entrance), 0o755))
		check(t, os.Symlink(payload.Init, root+entrance))
	}
	for _, test := range []struct {
		argv   []string
		status int
		out    string
	}{
		{[]string{payload.AgentServerEntrance, "--port", "60000"}, 9, "1 : --port 60000\n"},
		{[]string{payload.AgentServerEntrance, "setup"}, 9, "1 : setup\n"},
		{[]string{payload.AgentServerEntrance, "--help"}, 9, "1 : --help\n"},
		{[]string{payload.AgentServerEntrance}, 9, "1 :\n"},
		{[]string{payload.PythonEntrance, "-m", payload.AgentServerModule, "--port", "1"}, 9, "1 : --port 1\n"},
		{[]string{payload.PythonEntrance, "-uB", "-m", payload.AgentServerModule}, 9, "1 :\n"},
		{[]string{payload.PythonEntrance, "-m", payload.AgentServerModule + ".other", "x"}, 3, "python 1: -m openhands.agent_server.other x\n"},
		{[]string{payload.PythonEntrance, "setup"}, 3, "python 1: setup\n"},
		{[]string{payload.PythonEntrance}, 3, "python 1:\n"},
	} {
		t.Run(strings.Join(test.argv, " "), func(t *testing.T) {
			cmd := container(t, root, test.argv[1:]...)
			cmd.Path, cmd.Args[0] = test.argv[0], test.argv[0]
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != test.status || string(out) != test.out {
				t.Errorf("%v and %q, want exit status %d and %q", err, out, test.status, test.out)
			}
		})
	}
	cmd := container(t, root)
	cmd.Path, cmd.Args[0] = payload.AgentServerEntrance, payload.AgentServerEntrance
	cmd.Env = append(cmd.Env, payload.UserVariable+"=dev")
	if out, _ := cmd.CombinedOutput(); string(out) != "1 dev:\n" {
		t.Errorf("for another user it prints %q", out)
	}
	check(t, os.Remove(root+payload.Bin+"/oh-python"))
	cmd = container(t, root, "-c", "1")
	cmd.Path, cmd.Args[0] = payload.PythonEntrance, payload.PythonEntrance
	if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 127 || !strings.Contains(string(out), "oh-python") {
		t.Errorf("without a Python it ends with %d and %q", cmd.ProcessState.ExitCode(), out)
	}
}

// The environment of PID 1 holds the server's key, and a session can be of the
// same user.
func TestHidesEnvironment(t *testing.T) {
	root := alpine(t)
	check(t, os.MkdirAll(root+"/proc", 0o755))
	const script = `mount -t proc proc /proc && exec "$@"`
	const look = `[ -n "$(cat /proc/$$/environ)" ] && echo own; cat /proc/1/environ || echo hidden`
	cmd := container(t, root)
	cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
	cmd.Path = "/bin/sh"
	cmd.Args = []string{"sh", "-c", script, "sh", "su", "-s", "/bin/sh", "nobody", "-c", payload.Init + ` sh -c "$0"`, look}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "own\n") || !strings.HasSuffix(string(out), "hidden\n") {
		t.Errorf("%v, %q", err, out)
	}
}

// Orphans answer kill -0 until somebody has waited for them. Without a reaper
// the loop of the shell, which is not their parent, would never end.
func TestReapsOrphans(t *testing.T) {
	script := `
orphans=$(for i in 1 2 3 4 5 6 7 8 9 10; do (true & echo $!); done)
for pid in $orphans; do
	while kill -0 $pid 2>/dev/null; do :; done
done
echo $orphans | wc -w`
	out, err := container(t, alpine(t), "sh", "-c", script).CombinedOutput()
	if err != nil || string(out) != "10\n" {
		t.Errorf("%v, output %q", err, out)
	}
}

func TestForwardsSignals(t *testing.T) {
	names := map[syscall.Signal]string{
		syscall.SIGHUP: "HUP", syscall.SIGINT: "INT", syscall.SIGQUIT: "QUIT", syscall.SIGTERM: "TERM",
		syscall.SIGUSR1: "USR1", syscall.SIGUSR2: "USR2", syscall.SIGWINCH: "WINCH", syscall.SIGALRM: "ALRM",
	}
	script := "trap 'echo URG' URG; "
	for _, name := range names {
		script += fmt.Sprintf("trap 'echo %s' %[1]s; ", name)
	}
	// A shell runs traps between commands, and read ends for them.
	script += "trap 'exit 33' PWR; echo ready; while :; do read x; done"
	cmd := container(t, alpine(t), "sh", "-c", script)
	stdin, err := cmd.StdinPipe()
	check(t, err)
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	expect := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("%q, want %q (%v)", lines.Text(), want, lines.Err())
		}
	}
	expect("ready")
	check(t, cmd.Process.Signal(syscall.SIGURG)) // must not show
	for signal, name := range names {
		check(t, cmd.Process.Signal(signal))
		expect(name)
	}
	check(t, cmd.Process.Signal(syscall.SIGPWR))
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 33 {
		t.Errorf("%v, want exit status 33", err)
	}
}

// With a terminal the child is in the foreground: what is typed reaches it, and
// so does the signal of Ctrl-C.
func TestTerminal(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	check(t, err)
	defer master.Close()
	check(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	check(t, err)
	terminal, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	check(t, err)

	cmd := container(t, alpine(t), "sh", "-c", "read x; echo got $x; read y")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	check(t, cmd.Start())
	check(t, terminal.Close()) // else reading would not end with the child
	_, err = master.WriteString("typed\n")
	check(t, err)
	lines := bufio.NewScanner(master)
	for lines.Scan() && strings.TrimSpace(lines.Text()) != "got typed" {
	}
	check(t, lines.Err())
	_, err = master.WriteString("\x03")
	check(t, err)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 128+int(syscall.SIGINT) {
		t.Errorf("%v, want exit status 130", err)
	}
}

// At start come back the folders that volumes hide, and only they; a user
// without a name and without rights gets on too.
func TestStart(t *testing.T) {
	root := alpine(t)
	out, err := container(t, root, "setup", "--sudo").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Fatalf("%v, output %q", err, out)
	}
	check(t, os.RemoveAll(root+"/home/openhands"))
	check(t, os.RemoveAll(root+payload.Workspace))
	check(t, os.Remove(root+"/etc/profile.d/zz-openhands.sh"))

	stranger := container(t, root, "id", "-u")
	stranger.SysProcAttr.Credential = &syscall.Credential{Uid: 12345}
	if out, err := stranger.CombinedOutput(); err != nil || string(out) != "12345\n" {
		t.Errorf("as a stranger: %v, output %q", err, out)
	}
	if _, err := os.Stat(root + payload.Workspace); err == nil {
		t.Error("a stranger has made the workspace")
	}

	const ls = "stat -c '%U %a %n' /home/openhands /home/openhands/.profile /workspace; ls /etc/profile.d/zz* 2>/dev/null; true"
	out, err = container(t, root, "sh", "-c", ls).CombinedOutput()
	want := "openhands 755 /home/openhands\nopenhands 644 /home/openhands/.profile\nopenhands 2775 /workspace\n"
	if err != nil || string(out) != want {
		t.Errorf("%v, output %q, want %q", err, out, want)
	}

	// A home that is there is its user's, links to root's files and all.
	passwd, err := os.ReadFile(root + "/etc/passwd")
	check(t, err)
	for name, target := range map[string]string{".bashrc": "/etc/ld.so.preload", ".bash_profile": "/etc/passwd"} {
		link := root + "/home/openhands/" + name
		check(t, os.RemoveAll(link))
		check(t, os.Symlink(target, link))
		check(t, os.Lchown(link, payload.DefaultID, payload.DefaultID))
	}
	if out, err := container(t, root, "true").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v, output %q", err, out)
	}
	if after, err := os.ReadFile(root + "/etc/passwd"); err != nil || !bytes.Equal(passwd, after) {
		t.Errorf("%v, passwd is now\n%s", err, after)
	}
	if _, err := os.Lstat(root + "/etc/ld.so.preload"); err == nil {
		t.Error("a link of the user's was written through")
	}
}

func TestDoctor(t *testing.T) {
	root := alpine(t)
	manifest, err := json.Marshal(payload.Manifest{SchemaVersion: payload.SchemaVersion, Architecture: runtime.GOARCH})
	check(t, err)
	check(t, os.MkdirAll(root+filepath.Dir(payload.Interp), 0o755))
	doctor := func(ids *syscall.Credential, args ...string) map[string]payload.Status {
		t.Helper()
		cmd := container(t, root, append([]string{"doctor", "--json"}, args...)...)
		cmd.SysProcAttr.Credential = ids
		out, err := cmd.Output()
		var findings []payload.Finding
		check(t, json.Unmarshal(out, &findings))
		all := make(map[string]payload.Status)
		failed := false
		for _, f := range findings {
			all[f.Check] = f.Status
			failed = failed || f.Status == payload.StatusFailed
			if (f.Status == payload.StatusOK) != (f.Cure == "") {
				t.Errorf("%+v: a cure is for what is not well", f)
			}
		}
		if (err != nil) != failed {
			t.Errorf("%v with findings %v", err, all)
		}
		return all
	}
	expect := func(got map[string]payload.Status, want map[string]payload.Status) {
		t.Helper()
		for check, status := range want {
			if got[check] != status {
				t.Errorf("%s: %q, want %q", check, got[check], status)
			}
		}
	}

	expect(doctor(nil), map[string]payload.Status{
		"payload": payload.StatusFailed, "workspace": payload.StatusFailed, "shell": payload.StatusFailed, "account": payload.StatusWarning, "sudo": payload.StatusWarning,
		"temporary files": payload.StatusOK, "shared memory": payload.StatusWarning, // no tmpfs there
	})

	check(t, container(t, root, "setup", "--sudo").Run())
	check(t, os.MkdirAll(root+payload.FallbackBin, 0o755))
	check(t, os.MkdirAll(root+payload.Bin, 0o755))
	tried := []byte("#!/bin/sh\n[ \"$*\" = " + payload.StartUpFiles + " ] && [ $(id -u) != 0 ] && { [ ! -e /without ] || cat /without; }\n")
	for path, content := range map[string][]byte{
		payload.Wrappers: tried, payload.ManifestFile: manifest, payload.Interp: nil, payload.FallbackBin + "/bash": nil,
	} {
		check(t, os.WriteFile(root+path, content, 0o755))
	}
	expect(doctor(&syscall.Credential{Uid: payload.DefaultID, Gid: payload.DefaultID}), map[string]payload.Status{
		"payload": payload.StatusOK, "workspace": payload.StatusOK, "shell": payload.StatusOK, "account": payload.StatusOK, "sudo": payload.StatusOK,
	})
	// Root is asked about those whom it gives sessions to.
	expect(doctor(nil), map[string]payload.Status{"account": payload.StatusOK, "sudo": payload.StatusOK, "start-up files": payload.StatusOK})
	check(t, os.WriteFile(root+"/without", []byte("a session is without bashrc\n"), 0o644))
	expect(doctor(nil), map[string]payload.Status{"start-up files": payload.StatusWarning})
	expect(doctor(nil, "--user", "root"), map[string]payload.Status{"account": payload.StatusOK, "sudo": payload.StatusOK})
	expect(doctor(nil, "--user", "stranger"), map[string]payload.Status{"account": payload.StatusWarning})
	confined := make(chan map[string]payload.Status)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		defer close(confined)
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			t.Error(err)
			return
		}
		confined <- doctor(nil)
	}()
	expect(<-confined, map[string]payload.Status{"account": payload.StatusOK, "sudo": payload.StatusWarning})
	expect(doctor(&syscall.Credential{Uid: 12345, Gid: 12345}), map[string]payload.Status{
		"payload": payload.StatusOK, "workspace": payload.StatusFailed, "account": payload.StatusWarning,
	})

	check(t, os.WriteFile(root+payload.ManifestFile, bytes.Replace(manifest, []byte(runtime.GOARCH), []byte("vax"), 1), 0o644))
	expect(doctor(nil), map[string]payload.Status{"payload": payload.StatusFailed})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
