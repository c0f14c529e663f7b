package main

import (
	"slices"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
)

func TestForServer(t *testing.T) {
	base := environ{
		"PATH=" + venvBin + ":/usr/bin:" + payload.CompatBin + ":/opt/conda/bin:" + payload.FallbackBin,
		"PYTHONHOME=/usr", "PYTHONSTARTUP=/x.py", "PYTHONPATH=/app", "VIRTUAL_ENV=/opt/venv",
		"LD_PRELOAD=/x.so", "LD_LIBRARY_PATH=/opt/lib", "NODE_OPTIONS=--bad", "BASH_ENV=/x.sh",
		"LANG=de_DE.UTF-8", "PLAYWRIGHT_BROWSERS_PATH=/ms-playwright", "EDITOR=vi", "OH_USER_TOKEN=abc",
	}
	before := slices.Clone(base)
	server := base.forServer(venvBin, payload.CompatBin)
	if diff := cmp.Diff(before, base); diff != "" {
		t.Errorf("the caller's environment was changed: %s", diff)
	}
	for name, want := range map[string]string{
		"PATH":                         venvBin + ":" + payload.CompatBin + ":" + payload.Bin + ":/usr/bin:/opt/conda/bin:" + payload.FallbackBin,
		"VIRTUAL_ENV":                  payload.Venv,
		"PYTHONHOME":                   "",
		"PYTHONSTARTUP":                "",
		"LD_PRELOAD":                   "",
		"LD_LIBRARY_PATH":              "",
		"NODE_OPTIONS":                 "",
		"BASH_ENV":                     "",
		"PYTHONPATH":                   "/app",
		"LANG":                         "C.UTF-8",
		"LC_ALL":                       "C.UTF-8",
		"PLAYWRIGHT_BROWSERS_PATH":     payload.Browsers,
		"POETRY_VIRTUALENVS_PATH":      payload.Poetry,
		"MAMBA_ROOT_PREFIX":            payload.MicromambaRoot,
		"LITELLM_LOCAL_MODEL_COST_MAP": "True",
		"EDITOR":                       "vi",
		"VISUAL":                       "code",
	} {
		if got := server.get(name); got != want {
			t.Errorf("%s=%q, want %q", name, got, want)
		}
	}
	if again := server.forServer(venvBin, payload.CompatBin); !slices.Equal(again, server) {
		t.Errorf("a second time changes it: %s", cmp.Diff(server, again))
	}

	user := server.forUser()
	for name, want := range map[string]string{
		"PATH":                         payload.Bin + ":/usr/bin:/opt/conda/bin:" + payload.FallbackBin,
		"VIRTUAL_ENV":                  "/opt/venv",
		"PYTHONHOME":                   "/usr",
		"PYTHONSTARTUP":                "/x.py",
		"LD_PRELOAD":                   "/x.so",
		"LD_LIBRARY_PATH":              "/opt/lib",
		"NODE_OPTIONS":                 "--bad",
		"BASH_ENV":                     "/x.sh",
		"PYTHONPATH":                   "/app",
		"LANG":                         "de_DE.UTF-8",
		"LC_ALL":                       "",
		"LITELLM_LOCAL_MODEL_COST_MAP": "",
		"PLAYWRIGHT_BROWSERS_PATH":     "/ms-playwright",
		"OH_USER_TOKEN":                "abc",
		"TOKEN":                        "",
		"POETRY_VIRTUALENVS_PATH":      payload.Poetry,
	} {
		if got := user.get(name); got != want {
			t.Errorf("the user's %s=%q, want %q", name, got, want)
		}
	}
	if left := user.only(parked + "*"); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

func TestForServerKeepsLocale(t *testing.T) {
	for _, set := range []string{"LC_ALL=C.UTF-8", "LC_CTYPE=C.utf8", "LANG=C.UTF-8"} {
		server := environ{set}.forServer(venvBin)
		if parked := server.only(parked+"LANG", parked+"LC_*"); len(parked) > 0 {
			t.Errorf("%s was replaced: %q", set, parked)
		}
	}
}

// What is as the server wants it leaves no trace.
func TestForServerParksChangesOnly(t *testing.T) {
	server := environ{"LC_ALL=C.UTF-8", "VIRTUAL_ENV=" + payload.Venv}.forServer(venvBin)
	if got, want := server.only(parked+"*"), (environ{parked + "LITELLM_LOCAL_MODEL_COST_MAP="}); !slices.Equal(got, want) {
		t.Errorf("parked %q, want %q", got, want)
	}
}

func TestForServerWithoutPath(t *testing.T) {
	if got, want := (environ{}).forServer(venvBin).get("PATH"), venvBin+":"+payload.Path(""); got != want {
		t.Errorf("PATH=%s, want %s", got, want)
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
