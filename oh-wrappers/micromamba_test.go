package main

import (
	"errors"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// The command that OpenHands itself starts a container with.
const serverCommand = payload.Micromamba + " run -n openhands poetry run python -u -m " + serverModule +
	" 8000 --working-dir /workspace --plugins agent_skills jupyter vscode --username openhands --user-id 1000"

func serverRoot(t *testing.T) string {
	return newRoot(t, map[string]string{
		payload.Micromamba:                          "wrappers",
		payload.Bin + "/oh-action-execution-server": "wrappers",
		venvBin + "/python":                         "probe",
		payload.Code + "/":                          "",
		payload.Browsers + "/chromium-1/":           "",
		payload.VSCodeServer + "/bin/":              "",
	})
}

func TestServerStart(t *testing.T) {
	root := serverRoot(t)
	argv := strings.Fields(serverCommand)
	o, err := inside(t, root, 0, environ{"PATH=/bin", "PYTHONHOME=/usr", "PYTHONPATH=/app::/openhands/code:/openhands/../lib"}, "", argv[0], argv...)
	if err != nil {
		t.Fatal(err, o.Messages)
	}
	if want := sooner(argv[6:]); !slices.Equal(o.Args, want) {
		t.Errorf("arguments %q, want %q", o.Args, want)
	}
	if o.Dir != payload.Code {
		t.Errorf("started in %s", o.Dir)
	}
	for name, want := range map[string]string{
		"PATH":        venvBin + ":" + payload.CompatBin + ":" + payload.Bin + ":/bin:" + payload.FallbackBin,
		"PYTHONPATH":  payload.Code,
		"PYTHONHOME":  "",
		"VIRTUAL_ENV": payload.Venv,
		"USER":        "root",
		"HOME":        "/root",
	} {
		if got := o.Env.get(name); got != want {
			t.Errorf("%s=%q, want %q", name, got, want)
		}
	}
	if got, want := o.Env.forUser().get("PYTHONPATH"), "/app::/openhands/code:/openhands/../lib"; got != want {
		t.Errorf("the user's PYTHONPATH=%q, want %q", got, want)
	}
	for _, folder := range []string{payload.Workspace, downloads, editorSettings} {
		info, err := os.Stat(root + folder)
		must(t, err)
		owner := info.Sys().(*syscall.Stat_t)
		if info.Mode().Perm() != 0o775 || owner.Uid != 1000 || owner.Gid != 0 {
			t.Errorf("%s is %v of %d:%d, want 775 of 1000:0", folder, info.Mode(), owner.Uid, owner.Gid)
		}
	}
}

// Only root can start sessions of another user, and only with the
// capabilities for it. Root's own are no substitute for those.
func TestServerSession(t *testing.T) {
	for _, test := range []struct {
		uid  int
		user string
		want string // the server's last user and RUNTIME_USERNAME
	}{
		{0, "openhands", "openhands"},
		{0, "dev", "dev"}, // the server makes the account
		{1000, "openhands", "openhands"},
		{1000, "root", "openhands"},
		{7777, "openhands", "7777"},
	} {
		argv := strings.Fields(strings.Replace(serverCommand, "--username openhands", "--username "+test.user, 1))
		o, err := inside(t, serverRoot(t), test.uid, environ{"PATH=/bin"}, "", argv[0], argv...)
		if err != nil {
			t.Fatal(err, o.Messages)
		}
		if got := lastOption(o.Args, "--username"); got != test.want || o.Env.get(payload.UserVariable) != test.want {
			t.Errorf("user %d, sessions of %s: %s, %s", test.uid, test.user, got, o.Env.get(payload.UserVariable))
		}
		if told := strings.Contains(o.Messages, "only root could start"); told != (test.user != test.want) {
			t.Errorf("user %d, sessions of %s: %q", test.uid, test.user, o.Messages)
		}
	}
}

// A user in group 0 may not give files to a group of its own number, and the
// server would look up the number of the account openhands.
func TestServerFilesInGroupRoot(t *testing.T) {
	own := payload.Bin + "/oh-action-execution-server"
	for _, test := range []struct {
		uid     int
		command string
		user    string
	}{
		{12345, own, "12345"},
		{1000, own, "1000"},
		{405, own, "guest"},
		{12345, serverCommand, "12345"},
		{1000, serverCommand, "1000"},
	} {
		t.Chdir("/")
		argv := strings.Fields(test.command)
		c, s, _ := newCall(serverRoot(t), environ{"PATH=/bin"}, argv...)
		c.ids = ids{test.uid, test.uid, 0, 0}
		must(t, c.dispatch())
		if got := lastOption(s.argv, "--user-id"); got != "-1" {
			t.Errorf("%d, %s: --user-id %s, want -1, which chown leaves alone", test.uid, argv[0], got)
		}
		if got := lastOption(s.argv, "--username"); got != test.user || s.env.get("USER") != test.user {
			t.Errorf("%d, %s: --username %s, USER=%s, want %s", test.uid, argv[0], got, s.env.get("USER"), test.user)
		}
	}
}

// The browser's files and the editor's settings are written by root, in a
// folder of the user's; everybody may write to the settings.
func TestServerWritesInsideWorkspace(t *testing.T) {
	argv := strings.Fields(serverCommand)
	for _, link := range []string{downloads, editorSettings, editorSettings + "/settings.json"} {
		root := serverRoot(t)
		must(t, os.MkdirAll(path.Dir(root+link), 0o755))
		must(t, os.Symlink("/etc", root+link))
		o, err := inside(t, root, 0, nil, "", argv[0], argv...)
		must(t, err)
		if info, err := os.Stat(root + editorSettings); err != nil || !info.IsDir() {
			t.Errorf("%s: %v", editorSettings, err)
		}
		if target, err := os.Readlink(root + link); err == nil {
			t.Errorf("%s leads to %s still", link, target)
		}
		if !strings.Contains(o.Messages, link) {
			t.Errorf("message %q", o.Messages)
		}
	}
	for uid, target := range map[int]string{0: "settings", 1000: "/etc"} {
		root := serverRoot(t)
		must(t, os.Mkdir(root+payload.Workspace, 0o777))
		must(t, os.Symlink(target, root+editorSettings))
		_, err := inside(t, root, uid, nil, "", argv[0], argv...)
		must(t, err)
		if _, err := os.Readlink(root + editorSettings); err != nil {
			t.Errorf("a link that leads user %d to %s: %v", uid, target, err)
		}
	}
}

func TestWayOut(t *testing.T) {
	for _, test := range []struct {
		links map[string]string
		name  string
		want  string
		err   error
	}{
		{nil, "a/b", "", nil},
		{map[string]string{"a": "b"}, "a", "", nil},
		{map[string]string{"a": "/workspace/b"}, "a/c", "", nil},
		{map[string]string{"a": "/workspace"}, "a", "", nil},
		{map[string]string{"a": "/workspacer"}, "a", "a", nil},
		{map[string]string{"a": "/etc"}, "a/b", "a", nil},
		{map[string]string{"a": "/workspace/d", "d/b": "/etc/passwd"}, "a/b", "d/b", nil},
		{map[string]string{"a": "/workspace/../etc"}, "a", "a", nil},
		{map[string]string{"d/a": "../../etc"}, "d/a", "d/a", nil},
		{map[string]string{"d/a": "../b", "b": "c"}, "d/a", "", nil},
		{map[string]string{"a": "b", "b": "/no/such/file"}, "a", "b", nil},
		{map[string]string{"a": "b", "b": "a"}, "a", "", syscall.ELOOP},
	} {
		dir := t.TempDir()
		for name, target := range test.links {
			must(t, os.MkdirAll(path.Dir(dir+"/"+name), 0o755))
			must(t, os.Symlink(target, dir+"/"+name))
		}
		workspace, err := os.OpenRoot(dir)
		must(t, err)
		if got, err := wayOut(workspace, test.name); got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s among %v: %q, %v, want %q, %v", test.name, test.links, got, err, test.want, test.err)
		}
		must(t, workspace.Close())
	}
}

// A workspace in which nothing can be put is no reason to go without the server.
func TestServerOverFile(t *testing.T) {
	argv := strings.Fields(serverCommand)
	root := serverRoot(t)
	must(t, os.WriteFile(root+payload.Workspace, nil, 0o644))
	_, err := inside(t, root, 0, nil, "", argv[0], argv...)
	must(t, err)
}

// The server starts also where there can be no workspace, and says what that means.
func TestServerStartWithoutWorkspace(t *testing.T) {
	argv := strings.Fields(serverCommand)
	o, err := inside(t, serverRoot(t), 1000, environ{"PATH=/bin"}, "", argv[0], argv...)
	must(t, err)
	if !strings.Contains(o.Messages, "files that the browser fetches and settings of the editor will be lost: making /workspace: ") ||
		!strings.Contains(o.Messages, "permission denied") {
		t.Errorf("message %q", o.Messages)
	}
}

// The image's own default command is what OpenHands itself would run.
func TestDefaultCommand(t *testing.T) {
	name := payload.Bin + "/oh-action-execution-server"
	const tail = "--working-dir /workspace --plugins agent_skills jupyter --username "
	for _, test := range []struct {
		uid  int
		env  environ
		args string
		want string
		user string // RUNTIME_USERNAME
	}{
		{want: "8000 " + tail + "openhands --user-id 1000", user: "openhands"},
		{args: "3000", want: "3000 " + tail + "openhands --user-id 1000", user: "openhands"},
		{env: environ{"port=31234"}, want: "31234 " + tail + "openhands --user-id 1000", user: "openhands"},
		{env: environ{"port=31234", "OH_PORT=9000"}, want: "9000 " + tail + "openhands --user-id 1000", user: "openhands"},
		// Kubernetes sets it for a service of the name oh.
		{env: environ{"OH_PORT=tcp://10.0.0.1:80"}, want: "8000 " + tail + "openhands --user-id 1000", user: "openhands"},
		{env: environ{"RUNTIME_USERNAME=guest"}, want: "8000 " + tail + "guest --user-id 405", user: "guest"},
		{args: "--username root", want: "8000 " + tail + "root --user-id 0 --username root", user: "root"},
		{args: "--no-enable-browser", want: "8000 " + tail + "openhands --user-id 1000 --no-enable-browser", user: "openhands"},
		{uid: 1000, want: "8000 " + tail + "openhands --user-id 1000", user: "openhands"},
		{uid: 405, want: "8000 " + tail + "guest --user-id 405", user: "guest"},
		{uid: 7777, want: "8000 " + tail + "7777 --user-id 7777", user: "7777"},
		{uid: 7777, args: "--username openhands", want: "8000 " + tail + "7777 --user-id 7777 --username openhands --username 7777 --user-id 7777", user: "7777"},
	} {
		o, err := inside(t, serverRoot(t), test.uid, test.env, "", name, append([]string{name}, strings.Fields(test.args)...)...)
		if err != nil {
			t.Fatal(err, o.Messages)
		}
		if want := sooner(strings.Fields("python -u -m " + serverModule + " " + test.want)); !slices.Equal(o.Args, want) {
			t.Errorf("user %d, %q:\n%s\nwant\n%s", test.uid, test.args, o.Args, want)
		}
		if got := o.Env.get("RUNTIME_USERNAME"); got != test.user {
			t.Errorf("user %d: RUNTIME_USERNAME=%q, want %q", test.uid, got, test.user)
		}
	}
	// Kubernetes sets OH_PORT for a service of the name oh.
	for want, env := range map[string]environ{"8000": {"OH_PORT=tcp://10.0.0.1:80"}, "31234": {"OH_PORT=udp://[fd00::1]:53", "port=31234"}} {
		o, err := inside(t, serverRoot(t), 0, env, "", name, name)
		must(t, err)
		if !slices.Contains(o.Args, want) || !strings.Contains(o.Messages, env[0]) {
			t.Errorf("%q: started as %q, and said %q", env, o.Args, o.Messages)
		}
	}
	for _, env := range []environ{{"OH_PORT=http"}, {"port=70000"}, {"OH_PORT=://"}} {
		o, err := inside(t, serverRoot(t), 0, env, "", name, name)
		if exitCode(err) != 2 || !strings.Contains(o.Messages, env[0]) {
			t.Errorf("%q: %v, %q", env, err, o.Messages)
		}
		_, err = inside(t, serverRoot(t), 0, env, "", name, name, "9000")
		must(t, err)
	}
}

func TestMicromamba(t *testing.T) {
	root := newRoot(t, map[string]string{venvBin + "/python": "probe", "/bin/ls": "probe", payload.CompatBin + "/id": "wrappers"})
	for _, test := range []struct {
		args  string
		start string // what is executed
		out   string
		fails string
	}{
		{args: "run -n openhands " + venvBin + "/python -m jupyter kernelgateway", start: venvBin + "/python"},
		{args: "run -n openhands poetry run python -c 1", start: venvBin + "/python"},
		{args: "run -p " + payload.Venv + " --live-stream -- ls", start: "/bin/ls"},
		{args: "run -n openhands poetry run id", start: payload.CompatBin + "/id"},
		{args: "run -n openhands id", fails: "id: not found in PATH"},
		{args: "run -n openhands nothing", fails: "nothing: not found in PATH"},
		{args: "run -n other ls", fails: `no environment "other"`},
		{args: "run -p /opt ls", fails: "no environment at /opt"},
		{args: "run -n openhands", fails: "a command is needed"},
		{args: "run -e =x ls", fails: "NAME=VALUE"},
		{args: "run -n openhands poetry env info --path", out: payload.Venv + "\n"},
		{args: "run -n openhands poetry config virtualenvs.path /openhands/poetry"},
		{args: "run -n openhands poetry config virtualenvs.path /elsewhere", fails: "is not supported"},
		{args: "run -n openhands poetry install", fails: "poetry install is not supported"},
		{args: "run -n openhands poetry run", fails: "poetry run is not supported"},
		{args: "--version", out: micromambaVersion + "\n"},
		{args: "env list", out: "  Name       Active  Path\n  openhands          " + payload.Venv + "\n"},
		{args: "config set changeps1 False"},
		{args: "clean --all"},
		{args: "install -n openhands numpy", fails: `"install -n openhands numpy" is not supported`},
		{args: "", fails: "is not supported"},
	} {
		c, s, out := newCall(root, environ{"PATH=/bin"}, append([]string{payload.Micromamba}, strings.Fields(test.args)...)...)
		err := c.dispatch()
		if test.fails != "" {
			if err == nil || !strings.Contains(err.Error(), test.fails) {
				t.Errorf("%q: %v, want %q", test.args, err, test.fails)
			}
			continue
		}
		if err != nil || s.path != test.start || out.String() != test.out {
			t.Errorf("%q: starts %q, prints %q, %v; want %q, %q", test.args, s.path, out, err, test.start, test.out)
		}
	}
}

func TestMicromambaRunOptions(t *testing.T) {
	t.Chdir("/")
	root := newRoot(t, map[string]string{"/bin/ls": "probe"})
	dir := t.TempDir()
	c, s, _ := newCall(root, environ{"PATH=/bin", "PYTHONPATH=/openhands/code:/app"}, "micromamba", "run", "--cwd", dir, "-e", "A=b=c", "ls", "-n")
	must(t, c.dispatch())
	got, err := os.Getwd()
	must(t, err)
	if got != dir || s.env.get("A") != "b=c" || !slices.Equal(s.argv, []string{"ls", "-n"}) {
		t.Errorf("%q in %s with A=%q", s.argv, got, s.env.get("A"))
	}
	if got := s.env.get("PYTHONPATH"); got != "/openhands/code:/app" {
		t.Errorf("PYTHONPATH=%q", got)
	}
}

// The lines that upstream's images put into bashrc.
func TestShellHook(t *testing.T) {
	script := `eval "$(` + wrappers + ` micromamba shell hook --shell bash)"
		micromamba activate openhands; micromamba activate openhands
		echo "$VIRTUAL_ENV $PATH"
		micromamba deactivate
		echo "$VIRTUAL_ENV $PATH"`
	command := exec.Command("/bin/bash", "-euc", "set +u\n"+script)
	command.Env = []string{"PATH=/usr/bin:/bin"}
	out, err := command.CombinedOutput()
	if want := payload.Venv + " " + venvBin + ":/usr/bin:/bin\n /usr/bin:/bin\n"; err != nil || string(out) != want {
		t.Errorf("%v, %q, want %q", err, out, want)
	}
}
