package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// serverEnviron is what the server's children inherit.
func serverEnviron() environ {
	return environ{"PATH=/opt/go/bin:/bin", "TERM=tmux", "TOKEN=secret", "PLAYWRIGHT_BROWSERS_PATH=/ms-playwright", "HOME=/root", "USER=root",
		"VIRTUAL_ENV=/opt/venv", "https_proxy=http://proxy:3128", "TMUX_PANE=%1", "TMOUT=900"}.forServer(func(name, _ string) bool { return matchesAny(anyServer, name) }, inVenv(), venvBin, payload.CompatBin)
}

func TestSu(t *testing.T) {
	root := newRoot(t, map[string]string{
		payload.CompatBin + "/su": "wrappers",
		"/bin/bash":               "probe",
		"/bin/dash":               "probe",
		"/workspace/":             "",
		"/etc/environment":        "# comment\nexport FROM_FILE=\"a b\"\nTOKEN=other\nPATH=/nowhere\nHOME=/wrong\nnonsense\n",
	})
	const userPath = payload.Bin + ":/opt/go/bin:/bin:" + payload.FallbackBin
	for _, test := range []struct {
		name    string
		uid     int // of the caller
		args    string
		argv    []string
		dir     string
		user    int
		gid     int
		groups  []int
		env     map[string]string
		refused string
	}{
		{name: "session of the user", args: "openhands -", argv: []string{"bash", "-"}, dir: "/",
			user: 1000, gid: 1000, groups: []int{27, 29, 1000},
			env: map[string]string{"HOME": "/home/openhands", "USER": "openhands", "LOGNAME": "openhands", "SHELL": "/bin/bash",
				"PATH": userPath, "TOKEN": "secret", "VIRTUAL_ENV": "/opt/venv", "FROM_FILE": "a b", "TMOUT": "", "LITELLM_LOCAL_MODEL_COST_MAP": ""}},
		{name: "session of root", args: "root -", argv: []string{"bash", "-"}, dir: "/", groups: []int{0},
			env: map[string]string{"HOME": "/root", "USER": "root", "PATH": userPath, "TOKEN": "secret"}},
		{name: "kernel", args: "- openhands -s /bin/bash", argv: []string{"-bash"}, dir: "/home/openhands",
			user: 1000, gid: 1000, groups: []int{27, 29, 1000},
			env: map[string]string{"HOME": "/home/openhands", "USER": "openhands", "PATH": userPath, "TERM": "tmux", "TMUX_PANE": "%1",
				"https_proxy": "http://proxy:3128", "PLAYWRIGHT_BROWSERS_PATH": "/ms-playwright", "VIRTUAL_ENV": "", "TOKEN": "other", "FROM_FILE": "a b"}},
		{name: "command", args: "-l openhands -c true", argv: []string{"-bash", "-c", "true"}, dir: "/home/openhands",
			user: 1000, gid: 1000, groups: []int{27, 29, 1000}},
		{name: "always bash", args: "--shell=/bin/dash guest", argv: []string{"bash"}, dir: "/", user: 405, gid: 100, groups: []int{100},
			env: map[string]string{"SHELL": "/bin/bash"}},
		{name: "nobody named", args: "", argv: []string{"bash"}, dir: "/", groups: []int{0}},
		{name: "already the user", uid: 1000, args: "openhands -", argv: []string{"bash", "-"}, dir: "/",
			user: 1000, gid: 1000, groups: []int{},
			env: map[string]string{"HOME": "/home/openhands", "PATH": userPath}},
		{name: "own number without account", uid: 7777, args: "7777 -", argv: []string{"bash", "-"}, dir: "/", user: 7777, gid: 7777, groups: []int{},
			env: map[string]string{"HOME": "/root", "USER": "7777"}},
		{name: "own number", uid: 1000, args: "1000 -", argv: []string{"bash", "-"}, dir: "/", user: 1000, gid: 1000, groups: []int{},
			env: map[string]string{"HOME": "/home/openhands", "USER": "openhands"}},
		{name: "not root", uid: 1000, args: "guest", refused: "only root can become guest"},
		{name: "not root to root", uid: 1000, args: "root -", refused: "only root can become root"},
		{name: "unknown", args: "nobody", refused: "user nobody does not exist"},
		{name: "another's number", args: "1000", refused: "user 1000 does not exist"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, err := inside(t, root, test.uid, serverEnviron(), "echo\n",
				payload.CompatBin+"/su", append([]string{"su"}, strings.Fields(test.args)...)...)
			if test.refused != "" {
				if err == nil || !strings.Contains(o.Messages, test.refused) {
					t.Fatalf("%v, %q; want %q", err, o.Messages, test.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err, o.Messages)
			}
			slices.Sort(o.Groups)
			if !slices.Equal(o.Args, test.argv) || o.Dir != test.dir || o.UID != test.user || o.EUID != test.user ||
				o.GID != test.gid || !slices.Equal(o.Groups, test.groups) {
				t.Errorf("%q in %s as %d:%d %v, want %q in %s as %d:%d %v",
					o.Args, o.Dir, o.UID, o.GID, o.Groups, test.argv, test.dir, test.user, test.gid, test.groups)
			}
			if o.Stdin != "echo\n" {
				t.Errorf("standard input %q", o.Stdin)
			}
			for name, want := range test.env {
				if got := o.Env.get(name); got != want {
					t.Errorf("%s=%q, want %q", name, got, want)
				}
			}
			if left := o.Env.only("_OPENHANDS_*"); len(left) > 0 {
				t.Errorf("the server's %q", left)
			}
		})
	}
}

// What is secret to the servers does not reach a session, nor the tmux that it
// can ask.
func TestSecretsStayWithServer(t *testing.T) {
	t.Chdir("/") // a login changes it
	root := newRoot(t, map[string]string{payload.Launchers + "/oh-tmux.json": `{"path": "/openhands/libexec/tmux"}`})
	server := append(serverEnviron(), "SESSION_API_KEY=k", "OH_SESSION_API_KEYS_0=k", "OH_SESSION_API_KEYS_1=k", "OH_SECRET_KEY=k", "OTEL_HEADERS=k")
	for _, line := range []string{"su openhands -", "su - openhands", "su -m openhands", "tmux -V"} {
		for _, changes := range []string{"true", "false"} {
			c, s, _ := newCall(root, append(slices.Clone(server), "SU_TO_USER="+changes), strings.Fields(line)...)
			must(t, c.dispatch())
			if s.path == "" {
				t.Errorf("%s starts nothing", line)
			}
			for _, entry := range s.env {
				if name, value, _ := strings.Cut(entry, "="); value == "k" {
					t.Errorf("%s, SU_TO_USER=%s: %s", line, changes, name)
				}
			}
		}
	}
}

// The server itself has its children go without the same variables.
func TestSecretsOfStart(t *testing.T) {
	program, err := os.ReadFile("../templates/components/core/start.py")
	must(t, err)
	_, list, _ := strings.Cut(string(program), `SECRETS = """`)
	list, _, _ = strings.Cut(list, `"""`)
	if got := strings.Fields(list); !slices.Equal(got, secrets) {
		t.Errorf("start.py has %q, want %q", got, secrets)
	}
}

// A base without bash gets the payload's.
func TestSuWithoutBash(t *testing.T) {
	c, s, _ := newCall(newRoot(t, nil), environ{"HOME=/x"}, "su", "openhands", "-")
	must(t, c.dispatch())
	if want := payload.FallbackBin + "/bash"; s.path != want {
		t.Errorf("starts %s, want %s", s.path, want)
	}
}

// A bash of the base that does not work is passed over: a broken one, another
// shell of that name, one that the base's variables break.
func TestSuWithBrokenBash(t *testing.T) {
	for name, script := range map[string]string{
		"fails":         "exit 1",
		"is not bash":   "exit 0",
		"by a variable": `[ "$LD_LIBRARY_PATH" != /broken ] && echo 5.2`,
	} {
		t.Run(name, func(t *testing.T) {
			root := newRoot(t, nil)
			must(t, os.MkdirAll(root+"/bin", 0o755))
			must(t, os.WriteFile(root+"/bin/bash", []byte("#!/bin/sh\n"+script+"\n"), 0o755))
			c, s, _ := newCall(root, environ{"HOME=/x", "LD_LIBRARY_PATH=/broken", "PATH=/bin"}, "su", "openhands", "-")
			must(t, c.dispatch())
			if want := payload.FallbackBin + "/bash"; s.path != want {
				t.Errorf("starts %s, want %s", s.path, want)
			}
		})
	}
}

// The server takes what a login prints for the gateway's: it gets that alone,
// with what the start-up files have set. Anybody else sees all of it.
func TestSuHushesLoginOfServer(t *testing.T) {
	const commands = "cat <<'EOF'\nthe gateway: it's ready\nEOF\necho of $OWN; exec echo \"$GREETING\"\n"
	const profile = "OWN=profile; export GREETING=hello\nprintf 'caf\\351\\n'; \351\necho at once >&2\nyes | head -c 200000\nfor i in 1 2 3; do echo line; done\nset -u\n"
	for _, test := range []struct {
		name   string
		env    environ
		prints string
	}{
		{"the server", serverEnviron(), ""},
		{"somebody", environ{"PATH=/usr/bin:/bin"}, "at once"},
	} {
		t.Run(test.name, func(t *testing.T) {
			home := t.TempDir()
			must(t, os.WriteFile(home+"/.bash_profile", []byte(profile), 0o644))
			out, err := suOutside(t, home, test.env, commands)
			must(t, err)
			const want = "the gateway: it's ready\nof profile\nhello\n"
			if !strings.HasSuffix(out, want) || (test.prints == "") != (out == want) || !strings.Contains(out, test.prints) {
				t.Errorf("it prints %q", out)
			}
		})
	}
}

// BASH_ENV is for scripts: what it says does not decide about the session.
func TestSuKeepsBashWithBadBashEnv(t *testing.T) {
	root := newRoot(t, nil)
	must(t, os.MkdirAll(root+"/bin", 0o755))
	must(t, os.Symlink("/bin/bash", root+"/bin/bash"))
	must(t, os.WriteFile(root+"/bad", []byte("exit 1\n"), 0o644))
	c, s, _ := newCall(root, environ{"BASH_ENV=" + root + "/bad", "PATH=/bin"}, "su", "openhands", "-")
	must(t, c.dispatch())
	if s.path != "/bin/bash" || s.env.get("BASH_ENV") == "" {
		t.Errorf("starts %s with %q", s.path, s.env)
	}
}

// suOutside has a process of its own call su for a user without an account, on
// this machine and with its bash.
func suOutside(t *testing.T, home string, env environ, commands string) (string, error) {
	t.Helper()
	env = slices.Clone(env)
	env.set("HOME", home)
	var out bytes.Buffer
	command := &exec.Cmd{Path: probe, Args: []string{"su-outside"}, Env: env, Dir: "/", Stdin: strings.NewReader(commands), Stdout: &out, Stderr: &out}
	err := command.Run()
	return out.String(), err
}

// callSu is the process that suOutside starts.
func callSu() {
	c := &call{
		args: []string{"su", "-", "7777", "-s", "/bin/bash"}, env: os.Environ(), stdout: os.Stdout, stderr: os.Stderr,
		ids: ids{7777, 7777, 7777, 7777}, exec: syscall.Exec,
	}
	fmt.Fprintln(os.Stderr, c.dispatch())
	os.Exit(1)
}
