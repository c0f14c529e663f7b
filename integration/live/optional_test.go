package live

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// optional are the flags for a payload with the components that are put in by
// name. It is as small as the browser with windows, which wants a server's
// environment, lets it be.
var optional = []string{"--server", "agent-server", "--without", "vscode", "--with", "acp,chromium,docker-engine,gh"}

// TestOptional uses these components, on a base that has nothing for them and
// on none.
func TestOptional(t *testing.T) {
	for _, base := range []string{"alpine:3.20", "scratch"} {
		image := build(t, base, optional...)
		t.Run(base, func(t *testing.T) {
			t.Run("docker", func(t *testing.T) { checkDockerClient(t, image) })
			t.Run("chromium", func(t *testing.T) { checkChromium(t, image) })
			t.Run("docker-engine", func(t *testing.T) { checkEngine(t, image) })
			t.Run("gh", func(t *testing.T) { checkGitHub(t, image) })
			t.Run("acp", func(t *testing.T) { checkAgents(t, image) })
		})
	}
}

// inImage runs a line of the payload's shell as the image's own command would
// run, and returns what it printed on standard output.
func inImage(t *testing.T, image, line string, options ...string) string {
	t.Helper()
	args := slices.Concat([]string{"run", "--rm", "--entrypoint", "/openhands/bin/oh-init"}, options,
		[]string{image, "--", "/openhands/fallback/bin/bash", "-c", line})
	return strings.TrimSpace(docker(t, args...))
}

// checkDockerClient has the engine of this machine build an image and run it
// with compose, for those who may reach its socket.
func checkDockerClient(t *testing.T, image string) {
	const socket = "/var/run/docker.sock"
	mount := []string{"--volume", socket + ":" + socket}
	group := inImage(t, image, "stat -c %g "+socket, mount...)
	const built = "oh-live/optional:built"
	for _, account := range []struct {
		name, docker string
		options      []string
	}{
		{"openhands", "sudo docker", nil},
		{"12345", "docker", []string{"--user", "12345:0", "--group-add", group}},
	} {
		said := inImage(t, image, fmt.Sprintf(`set -e
			mkdir /tmp/project && cd /tmp/project
			printf 'FROM alpine:3.20\nCOPY text /\n' >Dockerfile
			printf 'services: {one: {image: %s, network_mode: none, command: cat /text}}\n' >compose.yaml
			echo %s >text
			%[3]s build --quiet --tag %[1]s . >&2
			%[3]s buildx inspect >&2
			%[3]s compose run --rm one
			%[3]s rmi %[1]s >&2`, built, account.name, account.docker), append(account.options, mount...)...)
		equal(t, said, account.name)
	}
}

// checkChromium has the browser with windows show a page without one.
func checkChromium(t *testing.T, image string) {
	const page = `data:text/html;charset=utf-8,<p id=p>before</p><script>p.textContent="größe "+6*7</script>`
	for _, user := range []string{"openhands", "root", "12345:0"} {
		line := fmt.Sprintf("cd /tmp && chromium --headless --screenshot='picture 1.png' 'data:text/html,x' 2>log && file 'picture 1.png' && chromium --headless --dump-dom '%s' 2>log || cat log", page)
		said := inImage(t, image, line, "--user", user)
		contains(t, said, "PNG image data")
		contains(t, said, "größe 42")
	}
}

// checkEngine starts an engine in a container that may run one, has it build and
// run an image, and ends it. Other containers are told what they lack.
func checkEngine(t *testing.T, image string) {
	said := inImage(t, image, `set -e
		sudo dockerd >/tmp/log 2>&1 & trap 'cat /tmp/log >&2' ERR
		until docker version >/dev/null 2>&1; do test -d /proc/$!; sleep 0.1; done
		cd /openhands/bin && tar -c oh-rescue | docker import - one >&2
		printf 'FROM one\nRUN ["/oh-rescue", "mkdir", "/made"]\n' | docker build --quiet --tag two - >&2
		docker run --rm --init two /oh-rescue ls /
		sudo kill $(</var/run/docker.pid)
		wait`, "--privileged", "--volume", "/var/lib/docker")
	contains(t, said, "made")

	const line = "dockerd 2>&1 || echo status $?"
	for _, refusal := range []struct {
		want    string
		options []string
	}{
		{"an engine needs root: sudo dockerd", nil},
		{"this container has no CAP_SYS_ADMIN", []string{"--user", "0"}},
		{"this container cannot write to /sys/fs/cgroup", []string{"--user", "0", "--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN"}},
	} {
		said := inImage(t, image, line, refusal.options...)
		contains(t, said, "dockerd: "+refusal.want)
		contains(t, said, "status 1")
	}
}

// checkGitHub keeps a setting, for which gh needs a home.
func checkGitHub(t *testing.T, image string) {
	for _, user := range []string{"openhands", "root", "12345:0"} {
		equal(t, inImage(t, image, "gh config set editor ed && gh config get editor", "--user", user), "ed")
	}
}

// checkAgents has each coding agent that the server's own image has answer the
// first message of its protocol, under the name by which the server's settings
// find it.
func checkAgents(t *testing.T, image string) {
	const script = `
import json, subprocess
from openhands.sdk.settings.acp_install_catalog import DEFAULT_PREINSTALLED_ACP_PROVIDERS
from openhands.sdk.settings.model import ACPAgentSettings

first = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": 1, "clientCapabilities": {}}}
for key in DEFAULT_PREINSTALLED_ACP_PROVIDERS:
    command = ACPAgentSettings(acp_server=key).resolve_acp_command()
    agent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    agent.stdin.write(json.dumps(first) + "\n")
    agent.stdin.flush()
    print(command[0], json.loads(agent.stdout.readline())["result"]["agentInfo"]["name"])
    agent.kill()
`
	for _, user := range []string{"openhands", "12345:0"} {
		equal(t, inImage(t, image, "cd /tmp && /openhands/bin/oh-python -c '"+script+"' 2>log || cat log", "--user", user),
			"claude-agent-acp @agentclientprotocol/claude-agent-acp\ncodex-acp @agentclientprotocol/codex-acp\ngemini gemini-cli")
	}
}
