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
var optional = []string{"--server", "agent-server", "--without", "vscode", "--with", "docker,chromium"}

// TestOptional uses these components, on a base that has nothing for them and
// on none.
func TestOptional(t *testing.T) {
	for _, base := range []string{"alpine:3.20", "scratch"} {
		image := build(t, base, optional...)
		t.Run(base, func(t *testing.T) {
			t.Run("docker", func(t *testing.T) { checkDockerClient(t, image) })
			t.Run("chromium", func(t *testing.T) { checkChromium(t, image) })
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
