package main

import (
	"slices"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

func TestAgentServer(t *testing.T) {
	root := newRoot(t, map[string]string{payload.Wrappers: "wrappers", venvBin + "/python": "probe"})
	given := environ{
		"PATH=/usr/bin", "HOME=/home/openhands", "LANG=de_DE.ISO-8859-1", "PYTHONPATH=/theirs", "LD_PRELOAD=x.so",
		"EDITOR=vi", "LOG_JSON=false", "OH_SECRET_KEY=k", "PYTHONUNBUFFERED=1", "PLAYWRIGHT_BROWSERS_PATH=/ms-playwright",
		"BROWSER_USE_VERSION_CHECK=1", "BROWSER_USE_CLOUD_SYNC=nonsense", "GITHUB_TOKEN=t", "FOO=bar",
	}
	o, err := inside(t, root, 1000, given, "", payload.Wrappers, "oh-agent-server", "--host", "0.0.0.0")
	must(t, err)
	if want := []string{venvBin + "/python", "-I", "-u", "-s", payload.StartServer, "--for-user", payload.AgentServerModule, "--host", "0.0.0.0"}; !slices.Equal(o.Args, want) {
		t.Errorf("arguments %q, want %q", o.Args, want)
	}
	for name, want := range map[string]string{
		"PATH": agentPrograms + ":" + payload.BaseFirst.Path("/usr/bin"), "HOME": "/home/openhands", "PYTHONPATH": "", "LD_PRELOAD": "",
		// The payload has one locale; in any other, tmux replaces characters.
		"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
		"LOG_JSON": "false", "OH_SECRET_KEY": "k", "OH_ACP_SKILL_SOURCING": "openhands_managed", "GITHUB_TOKEN": "t", "FOO": "",
		"PLAYWRIGHT_BROWSERS_PATH": payload.Browsers, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "ANONYMIZED_TELEMETRY": "false",
		"BROWSER_USE_DISABLE_EXTENSIONS": "true", "BROWSER_USE_VERSION_CHECK": "true", "BROWSER_USE_CLOUD_SYNC": "false",
	} {
		if got := o.Env.get(name); got != want {
			t.Errorf("%s=%q, want %q", name, got, want)
		}
	}
	user := o.Env.forUser()
	given.set("PATH", payload.Bin+":"+agentPrograms+":/usr/bin:"+payload.FallbackBin)
	slices.Sort(user)
	slices.Sort(given)
	if !slices.Equal(user, given) {
		t.Errorf("the user has %q, want %q", user, given)
	}
}
