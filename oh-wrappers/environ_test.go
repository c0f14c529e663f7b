package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
)

// The user's environment comes back out of a server's as it was: variables
// without a value, of odd names, of any bytes and of the greatest length.
func TestForUser(t *testing.T) {
	user := environ{
		"PATH=" + payload.BaseFirst.Path("/usr/bin:/opt/conda/bin"),
		"EMPTY=", "PYTHONHOME=/usr", "PYTHONPATH=", "VIRTUAL_ENV=/opt/venv", "LANG=de_DE.UTF-8", "PLAYWRIGHT_BROWSERS_PATH=",
		"LINES=a\nb=c\n", "QUOTES='\"`$(x)", "BYTES=\xff\xfe", "BASH_FUNC_f%%=() {  echo; }", "a.b-c d\te=f", "HOME=/root", "OH_X=1",
		"LONG=" + strings.Repeat("x", longest-len("LONG=")-1),
		"VIRTUAL_ENV_=" + strings.Repeat("y", longest-len("VIRTUAL_ENV_=")-20),
		strings.Repeat("N", longest-4) + "=x",
	}
	server := user.forServer(func(name, _ string) bool { return name == "HOME" || strings.HasPrefix(name, "OH_") },
		inVenv(), venvBin, payload.CompatBin)
	for _, entry := range server {
		if len(entry) >= longest {
			t.Errorf("%.60s... is longer than what execve takes", entry)
		}
	}
	again := server.forServer(func(name, _ string) bool { return name == "HOME" }, inVenv(), venvBin, payload.CompatBin)
	for _, e := range []environ{server, again} {
		got := e.forUser()
		slices.Sort(got)
		want := slices.Sorted(slices.Values(user))
		if diff := cmp.Diff(want, []string(got)); diff != "" {
			t.Error(diff)
		}
	}
}

// What a server adds for its children, or sets anew, they have.
func TestForUserOfChildren(t *testing.T) {
	server := environ{"PATH=/usr/bin", "GREETING=old"}.forServer(func(string, string) bool { return false }, inVenv(), venvBin)
	server.set("GREETING", "new")
	server.set("ADDED", "by the server")
	user := server.forUser()
	for name, want := range map[string]string{"GREETING": "new", "ADDED": "by the server"} {
		if got := user.get(name); got != want {
			t.Errorf("%s=%q, want %q", name, got, want)
		}
	}
}

// What a user runs in the payload's Python has the user's environment, without
// what would keep it from working.
func TestForTool(t *testing.T) {
	base := environ{
		"PATH=" + venvBin + ":/usr/bin:" + payload.CompatBin + ":/opt/conda/bin:" + payload.FallbackBin,
		"PYTHONHOME=/usr", "PYTHONSTARTUP=/x.py", "PYTHONPATH=/app", "VIRTUAL_ENV=/opt/venv",
		"LD_PRELOAD=/x.so", "LD_LIBRARY_PATH=/opt/lib", "NODE_OPTIONS=--bad", "BASH_ENV=/x.sh", "OPENSSL_CONF=/x.cnf",
		"LANG=de_DE.UTF-8", "PLAYWRIGHT_BROWSERS_PATH=/ms-playwright", "EDITOR=vi", "TOKEN=abc",
	}
	before := slices.Clone(base)
	tool := base.forTool(venvBin)
	if diff := cmp.Diff(before, base); diff != "" {
		t.Errorf("the caller's environment was changed: %s", diff)
	}
	for name, want := range map[string]string{
		"PATH":                         venvBin + ":" + payload.Bin + ":/usr/bin:/opt/conda/bin:" + payload.FallbackBin,
		"VIRTUAL_ENV":                  payload.Venv,
		"PYTHONHOME":                   "",
		"PYTHONSTARTUP":                "",
		"LD_PRELOAD":                   "",
		"LD_LIBRARY_PATH":              "",
		"NODE_OPTIONS":                 "",
		"BASH_ENV":                     "",
		"OPENSSL_CONF":                 payload.Prefix + "/openssl.cnf",
		"PYTHONPATH":                   "/app",
		"LANG":                         "C.UTF-8",
		"LC_ALL":                       "C.UTF-8",
		"PLAYWRIGHT_BROWSERS_PATH":     payload.Browsers,
		"POETRY_VIRTUALENVS_PATH":      payload.Poetry,
		"MAMBA_ROOT_PREFIX":            payload.MicromambaRoot,
		"LITELLM_LOCAL_MODEL_COST_MAP": "True",
		"EDITOR":                       "vi",
		"TOKEN":                        "abc",
	} {
		if got := tool.get(name); got != want {
			t.Errorf("%s=%q, want %q", name, got, want)
		}
	}
	if again := tool.forTool(venvBin); !slices.Equal(again, tool) {
		t.Errorf("a second time changes it: %s", cmp.Diff(tool, again))
	}
}

func TestForToolWithoutPath(t *testing.T) {
	if got, want := (environ{}).forTool(venvBin).get("PATH"), venvBin+":"+payload.BaseFirst.Path(""); got != want {
		t.Errorf("PATH=%s, want %s", got, want)
	}
}

// Whose tools come first is the image's choice, whoever asks for it: the
// sessions of a server, of the gateway to notebooks, which is told nothing, and
// what is started from those.
func TestToolsOfSessions(t *testing.T) {
	none := func(string, string) bool { return false }
	for tools, want := range map[payload.Tools]string{
		"":                   "/openhands/bin:/usr/bin:/openhands/fallback/bin",
		payload.BaseFirst:    "/openhands/bin:/usr/bin:/openhands/fallback/bin",
		"nonsense":           "/openhands/bin:/usr/bin:/openhands/fallback/bin",
		payload.PayloadFirst: "/openhands/bin:/openhands/fallback/bin:/usr/bin",
	} {
		user := environ{"PATH=/usr/bin"}
		if tools != "" {
			user.set(payload.ToolsVariable, string(tools))
		}
		server := user.forServer(none, inVenv(), venvBin)
		gateway := server.forServer(none, inVenv(), venvBin)
		for what, got := range map[string]string{
			"server":  strings.TrimPrefix(server.get("PATH"), venvBin+":"),
			"gateway": strings.TrimPrefix(gateway.get("PATH"), venvBin+":"),
			"session": server.forUser().get("PATH"), "kernel": gateway.forUser().get("PATH"), "again": gateway.forUser().forUser().get("PATH"),
		} {
			if got != want {
				t.Errorf("%q: the PATH of the %s is %s, want %s", tools, what, got, want)
			}
		}
	}
}

func TestUnset(t *testing.T) {
	e := environ{"LD_PRELOAD=a", "LD_LIBRARY_PATH=b", "LDFLAGS=c", "LD=d"}
	e.unset("LD_*")
	e.unset("LD")
	if want := (environ{"LDFLAGS=c"}); !slices.Equal(e, want) {
		t.Errorf("%q, want %q", e, want)
	}
}
