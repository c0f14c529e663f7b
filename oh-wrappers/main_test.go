package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// wrappers is the built binary, probe the test program, see observe. Both are
// static, for roots without libraries.
var wrappers, probe string

func TestMain(m *testing.M) {
	if !strings.HasSuffix(os.Args[0], ".test") {
		name := filepath.Base(os.Args[0])
		if name == "bash" {
			name = os.Getenv("AS_BASH")
		}
		if role := roles()[name]; role != nil {
			role()
		} else {
			observe()
		}
		return
	}
	os.Exit(build(m))
}

func build(m *testing.M) int {
	folder, err := os.MkdirTemp("", "oh-wrappers")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	wrappers, probe = filepath.Join(folder, "oh-wrappers"), filepath.Join(folder, "probe")
	for _, args := range [][]string{{"build", "-o", wrappers, "."}, {"test", "-c", "-o", probe, "."}} {
		command := exec.Command("go", args...)
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := command.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building: %v\n%s", err, out)
			return 1
		}
	}
	return m.Run()
}

// observation is what a program that was started sees of itself.
type observation struct {
	PID      int
	Args     []string
	Env      environ
	Dir      string
	UID      int
	EUID     int
	GID      int
	Groups   []int
	Stdin    string
	Umask    int
	Core     uint64 // bytes that a core dump may have
	Messages string `json:"-"` // standard error
}

// observe is the program that tests put in the place of python, bash and so
// on: it prints its observation. Asked for it, it is a bash.
func observe() {
	dir, _ := os.Getwd()
	groups, _ := os.Getgroups()
	stdin, _ := io.ReadAll(os.Stdin)
	var core syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_CORE, &core)
	if strings.Contains(string(stdin), "$BASH_VERSION") {
		fmt.Println("\n5.2")
		return
	}
	_ = json.NewEncoder(os.Stdout).Encode(observation{
		PID: os.Getpid(), Args: os.Args, Env: os.Environ(), Dir: dir,
		UID: os.Getuid(), EUID: os.Geteuid(), GID: os.Getgid(), Groups: groups, Stdin: string(stdin),
		Umask: syscall.Umask(0), Core: core.Cur,
	})
}

const (
	passwd = "root:x:0:0:root:/root:/bin/bash\nguest:x:405:100:guest:/dev/null:/sbin/nologin\nopenhands:x:1000:1000::/home/openhands:/bin/bash\n"
	groups = "root:x:0:\nusers:x:100:\nsudo:x:27:openhands\nopenhands:x:1000:\naudio:x:29:pulse,openhands\n"
)

// newRoot makes a root file system with accounts and the given files. A name
// that ends in / is a folder, the content "probe" a program that observes.
func newRoot(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	all := map[string]string{"/etc/passwd": passwd, "/etc/group": groups, "/root/": "", "/home/openhands/": "", "/dev/null": ""}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		path := root + name
		if strings.HasSuffix(name, "/") {
			must(t, os.MkdirAll(path, 0o755))
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		switch text {
		case "probe":
			install(t, probe, path, 0o755)
		case "wrappers":
			install(t, wrappers, path, 0o755)
		default:
			must(t, os.WriteFile(path, []byte(text), 0o644))
		}
	}
	return root
}

func install(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	text, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, text, 0o700))
	must(t, os.Chmod(to, mode))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// started is how execve was called.
type started struct {
	path string
	argv []string
	env  environ
}

// newCall returns a call below root by user 1000 that records instead of
// executing.
func newCall(root string, env environ, args ...string) (*call, *started, *bytes.Buffer) {
	out, s := new(bytes.Buffer), new(started)
	c := &call{
		args: args, env: env, root: root, stdout: out, stderr: out,
		ids: ids{1000, 1000, 1000, 1000},
		exec: func(path string, argv, env []string) error {
			*s = started{path, argv, env}
			return nil
		},
	}
	return c, s, out
}

// inside runs path of root, changed to that root, as user and group uid.
func inside(t *testing.T, root string, uid int, env environ, stdin, path string, argv ...string) (*observation, error) {
	t.Helper()
	var out, messages bytes.Buffer
	command := &exec.Cmd{
		Path: path, Args: argv, Env: env, Dir: "/",
		Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &messages,
		SysProcAttr: &syscall.SysProcAttr{
			Chroot:     root,
			Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)},
		},
	}
	err := command.Run()
	o := &observation{Messages: messages.String()}
	if err != nil {
		return o, err
	}
	if err := json.Unmarshal(out.Bytes(), o); err != nil {
		t.Fatalf("%v answered %q, %q: %v", argv, out.String(), o.Messages, err)
	}
	if o.PID != command.Process.Pid {
		t.Errorf("%v runs as process %d, started as %d: signals would not reach it", argv, o.PID, command.Process.Pid)
	}
	return o, nil
}

func exitCode(err error) int {
	var e *exec.ExitError
	if errors.As(err, &e) {
		return e.ExitCode()
	}
	return -1
}

func TestDispatch(t *testing.T) {
	root := newRoot(t, map[string]string{
		payload.Launchers + "/oh-tmux.json": `{"path": "/openhands/libexec/tmux"}`,
	})
	for _, test := range []struct {
		args []string
		path string
		code int
	}{
		{args: []string{"/openhands/bin/oh-tmux"}, path: "/openhands/libexec/tmux"},
		{args: []string{"oh-wrappers", "oh-tmux"}, path: "/openhands/libexec/tmux"},
		{args: []string{"/openhands/fallback/bin/tmux"}, path: "/openhands/libexec/tmux"},
		{args: []string{"python3"}, path: venvBin + "/python"},
		{args: []string{"oh-python"}, path: venvBin + "/python"},
		{args: []string{"oh-playwright"}, path: venvBin + "/playwright"},
		{args: []string{"oh-wrappers"}, code: 2},
		{args: []string{"oh-wrappers", "../launchers/oh-tmux"}, code: 127},
		{args: []string{"oh-nothing"}, code: 127},
		{args: nil, code: 2},
	} {
		c, s, _ := newCall(root, nil, test.args...)
		err := c.dispatch()
		code := 0
		var e *statusError
		if errors.As(err, &e) {
			code = e.code
		} else if err != nil {
			code = 1
		}
		if s.path != test.path || code != test.code {
			t.Errorf("%q starts %q, status %d (%v); want %q, %d", test.args, s.path, code, err, test.path, test.code)
		}
	}
}

func TestList(t *testing.T) {
	out, err := exec.Command(wrappers, "--list").Output()
	must(t, err)
	links := payload.WrapperLinks()
	if got := strings.Fields(string(out)); len(got) != len(links) {
		t.Fatalf("%d paths, want %d", len(got), len(links))
	}
	for _, link := range links {
		if !strings.Contains(string(out), link.Path+"\n") {
			t.Errorf("%s is missing", link.Path)
		}
		if got := filepath.Join(filepath.Dir(link.Path), link.Target); got != payload.Wrappers {
			t.Errorf("%s leads to %s", link.Path, got)
		}
		// A link that is not served would only fail in a container.
		root := newRoot(t, map[string]string{payload.Launchers + "/oh-tmux.json": `{"path": "/openhands/libexec/tmux"}`})
		c, s, _ := newCall(root, environ{"PATH=/"}, link.Path)
		if err := c.dispatch(); s.path == "" {
			var e *statusError
			if errors.As(err, &e) && e.code == 127 {
				t.Errorf("%s: %v", link.Path, err)
			}
		}
	}
}

func BenchmarkStart(b *testing.B) {
	for _, command := range [][]string{{"/bin/true"}, {wrappers, "id", "-u"}} {
		b.Run(filepath.Base(command[0]), func(b *testing.B) {
			for b.Loop() {
				if err := exec.Command(command[0], command[1:]...).Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
