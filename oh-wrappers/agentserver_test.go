package main

import (
	"slices"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// The server's terminals get its environment: only what it cannot do without
// may differ from the image's.
func TestAgentServer(t *testing.T) {
	root := newRoot(t, map[string]string{payload.Wrappers: "wrappers", venvBin + "/python": "probe"})
	given := environ{
		"PATH=/usr/bin", "HOME=/home/openhands", "LANG=C.UTF-8", "PYTHONPATH=/theirs", "LD_PRELOAD=x.so",
		"EDITOR=vi", "LOG_JSON=false", "OH_SECRET_KEY=k", "PYTHONUNBUFFERED=1",
	}
	o, err := inside(t, root, 1000, given, "", payload.Wrappers, "oh-agent-server", "--host", "0.0.0.0")
	must(t, err)
	if want := []string{venvBin + "/python", "-I", "-u", payload.StartServer, agentModule, "--host", "0.0.0.0"}; !slices.Equal(o.Args, want) {
		t.Errorf("arguments %q, want %q", o.Args, want)
	}
	want := append(environ(nil), given...)
	want.set("PATH", "/openhands/libexec/agent-server/bin:"+payload.Path("/usr/bin"))
	for name, value := range map[string]string{
		"LANG": "C.UTF-8", "PLAYWRIGHT_BROWSERS_PATH": payload.Browsers, "VISUAL": "code", "OH_ACP_SKILL_SOURCING": "openhands_managed",
		"LITELLM_LOCAL_MODEL_COST_MAP": "True", "BROWSER_USE_DISABLE_EXTENSIONS": "true", "ANONYMIZED_TELEMETRY": "false",
	} {
		want.set(name, value)
	}
	for _, entry := range want {
		if !slices.Contains(o.Env, entry) {
			t.Errorf("%s is not in the environment %q", entry, o.Env)
		}
	}
}

func TestAgentServerLocale(t *testing.T) {
	root := newRoot(t, map[string]string{payload.Wrappers: "wrappers", venvBin + "/python": "probe"})
	o, err := inside(t, root, 1000, environ{"LANG=C.UTF-8", "LC_ALL=de_DE.ISO-8859-1"}, "", payload.Wrappers, "oh-agent-server")
	must(t, err)
	if got := o.Env.get("LC_ALL"); got != "C.UTF-8" {
		t.Errorf("LC_ALL is %q, in which tmux replaces characters", got)
	}
}
