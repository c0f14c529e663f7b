package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

func TestLaunch(t *testing.T) {
	root := newRoot(t, map[string]string{
		payload.Wrappers:          "wrappers",
		"/openhands/libexec/tool": "probe",
		payload.Launchers + "/tool.json": `{"path": "/openhands/libexec/tool", "argv0": "renamed", "args": ["--fixed", "a b"],
			"env": {"MODE": "ours"}, "unset": ["LD_*", "DISPLAY"], "dir": "/home"}`,
		payload.Launchers + "/broken.json":   `{"path": `,
		payload.Launchers + "/relative.json": `{"path": "tool"}`,
		payload.Launchers + "/gone.json":     `{"path": "/openhands/libexec/gone"}`,
	})
	o, err := inside(t, root, 1000, environ{"MODE=theirs", "LD_PRELOAD=x.so", "LD_LIBRARY_PATH=/l", "DISPLAY=:0", "KEPT=1"}, "",
		payload.Wrappers, "/openhands/bin/tool", "-x", "")
	must(t, err)
	if want := []string{"renamed", "--fixed", "a b", "-x", ""}; !slices.Equal(o.Args, want) {
		t.Errorf("arguments %q, want %q", o.Args, want)
	}
	if o.Dir != "/home" {
		t.Errorf("started in %s", o.Dir)
	}
	if want := (environ{"MODE=ours", "KEPT=1"}); !slices.Equal(o.Env, want) {
		t.Errorf("environment %q, want %q", o.Env, want)
	}
	for name, want := range map[string]struct {
		code    int
		message string
	}{
		"broken":   {1, "reading " + payload.Launchers + "/broken.json"},
		"relative": {1, "not absolute"},
		"gone":     {127, "starting /openhands/libexec/gone: no such file"},
		"unknown":  {127, "unknown: the payload has no program of this name"},
	} {
		o, err := inside(t, root, 1000, nil, "", payload.Wrappers, name)
		if exitCode(err) != want.code || !strings.Contains(o.Messages, want.message) {
			t.Errorf("%s: %v, %q; want %d, %q", name, err, o.Messages, want.code, want.message)
		}
	}
}

// Playwright chooses the name under which it starts a browser.
func TestLaunchThroughALinkOfAnotherName(t *testing.T) {
	root := newRoot(t, map[string]string{
		payload.Wrappers:                    "wrappers",
		"/openhands/libexec/tool":           "probe",
		payload.Launchers + "/oh-tool.json": `{"path": "/openhands/libexec/tool"}`,
	})
	must(t, os.Symlink(payload.Wrappers, root+"/openhands/bin/oh-tool"))
	must(t, os.Symlink("/openhands/bin/oh-tool", root+"/renamed"))
	o, err := inside(t, root, 1000, nil, "", "/renamed", "/renamed", "-x")
	must(t, err)
	if want := []string{"/openhands/libexec/tool", "-x"}; !slices.Equal(o.Args, want) {
		t.Errorf("arguments %q, want %q", o.Args, want)
	}
}

// The agent server starts the editor with its own environment.
func TestLaunchForUser(t *testing.T) {
	root := newRoot(t, map[string]string{
		payload.Wrappers:                    "wrappers",
		"/openhands/libexec/tool":           "probe",
		payload.Launchers + "/oh-tool.json": `{"path": "/openhands/libexec/tool", "user": true, "unset": ["NODE_OPTIONS"]}`,
	})
	env := environ{"PATH=/usr/bin", "PYTHONHOME=/theirs", "NODE_OPTIONS=--broken", "LANG=C.UTF-8"}.forTool(venvBin)
	o, err := inside(t, root, 1000, env, "", payload.Wrappers, "oh-tool")
	must(t, err)
	for name, want := range map[string]string{
		"PATH": payload.BaseFirst.Path("/usr/bin"), "PYTHONHOME": "/theirs", "VIRTUAL_ENV": "", "NODE_OPTIONS": "",
	} {
		if got := o.Env.get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// Images name code as the editor of Git, and Git believes a status of 0.
func TestCode(t *testing.T) {
	root := newRoot(t, map[string]string{
		payload.Wrappers:                    "wrappers",
		"/openhands/libexec/client":         "probe",
		payload.Launchers + "/oh-code.json": `{"path": "/openhands/libexec/client"}`,
	})
	o, err := inside(t, root, 1000, environ{"VSCODE_IPC_HOOK_CLI=/tmp/socket"}, "", payload.Wrappers, "code", "--wait", "file")
	must(t, err)
	if want := []string{"/openhands/libexec/client", "--wait", "file"}; !slices.Equal(o.Args, want) {
		t.Errorf("arguments %q, want %q", o.Args, want)
	}
	o, err = inside(t, root, 1000, nil, "", payload.Wrappers, "code", "file")
	if exitCode(err) != 1 || !strings.Contains(o.Messages, "not a terminal of VS Code") {
		t.Errorf("outside of a terminal: %v, %q", err, o.Messages)
	}
}

// A component may bring a launcher for a name that otherwise has a default.
func TestLauncherBeforeDefault(t *testing.T) {
	root := newRoot(t, map[string]string{payload.Launchers + "/pip.json": `{"path": "/openhands/libexec/pip"}`})
	for name, want := range map[string][]string{
		"pip":  {"/openhands/libexec/pip", "install"},
		"pip3": {venvBin + "/python", "-m", "pip", "install"},
	} {
		c, s, _ := newCall(root, environ{"PYTHONPATH=/app"}, name, "install")
		must(t, c.dispatch())
		if !slices.Equal(s.argv, want) {
			t.Errorf("%s: %q, want %q", name, s.argv, want)
		}
		if want := (environ{"PYTHONPATH=/app"}); !slices.Equal(s.env, want) {
			t.Errorf("%s: environment %q, want %q", name, s.env, want)
		}
	}
}
