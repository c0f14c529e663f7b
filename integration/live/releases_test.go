package live

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/templates"
)

// newestRelease is the one of the agent server that images have by themselves.
func newestRelease(t *testing.T) string {
	t.Helper()
	all, err := templates.Components()
	if err != nil {
		t.Fatal(err)
	}
	return plan.DefaultVersion(all, payload.AgentServer)
}

// TestAgentServerOfAnotherRelease starts a release that a release of the
// application has bundled, and looks at it as at the newest.
func TestAgentServerOfAnotherRelease(t *testing.T) {
	const release = "1.34.0"
	const base = "alpine:3.20"
	image := build(t, base, "--server", payload.AgentServer, "--openhands-version", release)
	if report, stderr, err := verifyImage(t, image); err != nil || !report.Passed {
		t.Errorf("%+v, %v\n%s", report, err, stderr)
	}
	a := asSDK("uid=10001(openhands) gid=10001(openhands)")(t, base, image)
	for _, check := range []agentCheck{
		{"/server_info", checkAgentInfo(release)},
		{"session key", checkAgentKey},
		{"bash over HTTP", checkAgentBash},
		{"terminal", checkAgentTerminalWithKey},
		{"file editor", checkAgentEditor},
		{"browser", checkAgentBrowser},
		{"--check-browser", checkAgentSelfTest},
	} {
		t.Run(check.name, func(t *testing.T) { check.run(t, a) })
	}
}

// TestReleaseThatTheIndexLacks builds from a lock whose packages no index has: it
// ends in what makes a new one.
func TestReleaseThatTheIndexLacks(t *testing.T) {
	const release = "1.999.0"
	own := t.TempDir()
	lock := filepath.Join(own, "docker-openhands", templates.LocksFolder, payload.AgentServer, release+".txt")
	if err := os.MkdirAll(filepath.Dir(lock), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lock, []byte("openhands-agent-server=="+release+" --hash=sha256:"+strings.Repeat("00", 32)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := lab.Engine{}.Command(t.Context(), "openhands", "deps", "build", "--server", payload.AgentServer, "--openhands-version", release, "--progress", "plain")
	cmd.Env = append(cmd.Environ(), "XDG_CONFIG_HOME="+own)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Error("a payload is built of a release that there is not")
	}
	contains(t, string(out), string(problem.BuildFailed)+": ")
	contains(t, string(out), "docker openhands deps lock --server agent-server --openhands-version "+release)
}
