package live

import (
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// misleading are programs of a base that answer for tools which the payload
// has, too.
var misleading = []string{"git", "python", "python3", "tmux"}

// overMisleading makes of a base one whose own tools fail, with status 0.
func overMisleading(t *testing.T, base string) string {
	files := map[string]string{}
	for _, name := range misleading {
		files["bin/"+name] = "#!/bin/sh\necho of the base\n"
	}
	return derive(t, base, "misleading", "FROM "+base+"\nCOPY --chmod=755 bin /usr/local/bin\n", files)
}

// TestTools builds over a base whose tools answer for the payload's: with
// --tools payload-first sessions do not meet them, else they do.
func TestTools(t *testing.T) {
	const base = "alpine:3.20"
	for _, tools := range []payload.Tools{payload.BaseFirst, payload.PayloadFirst} {
		t.Run(string(tools), func(t *testing.T) {
			image := build(t, overMisleading(t, base), "--tools", string(tools))
			s := start(t, base, image, way{user: "openhands", command: asOpenHands("openhands", "1000")})
			for _, shell := range []string{"", "bash -lc ", "sudo "} {
				for _, name := range misleading {
					judgeTool(t, tools, shell+name, s.shell(t, asked(shell, name)))
				}
			}
			judgeTool(t, tools, "a notebook's git", s.cell(t, "import subprocess; print(subprocess.run(['git', '--version'], capture_output=True, text=True).stdout)"))
			equal(t, s.shell(t, "echo $PATH"), tools.Path(payload.SystemPath))
			// The order holds for what a person starts beside the server.
			judgeTool(t, tools, "docker exec", docker(t, "exec", s.container, "git", "--version"))
		})
	}
}

// TestToolsOfAgentServer does the same with the other server.
func TestToolsOfAgentServer(t *testing.T) {
	const base = "alpine:3.20"
	for _, tools := range []payload.Tools{payload.BaseFirst, payload.PayloadFirst} {
		t.Run(string(tools), func(t *testing.T) {
			image := build(t, overMisleading(t, base), "--server", "agent-server", "--tools", string(tools))
			a := startAgent(t, image, "", []string{"--env", agentKey}, "--host", "0.0.0.0", "--port", "8000")
			for _, name := range misleading {
				if name == "tmux" {
					continue // the server's terminals have its own in any case
				}
				result, err := a.Bash(t.Context(), asked("", name))
				if err != nil {
					t.Fatal(err)
				}
				judgeTool(t, tools, name, result.Stdout)
			}
		})
	}
}

// asked is a command line that has a tool name itself.
func asked(shell, name string) string {
	option := " --version"
	if name == "tmux" {
		option = " -V"
	}
	if strings.HasSuffix(shell, "-lc ") {
		return shell + "'" + name + option + "'"
	}
	return shell + name + option
}

// judgeTool looks at what a tool has answered.
func judgeTool(t *testing.T, tools payload.Tools, what, answer string) {
	t.Helper()
	ofBase := strings.Contains(answer, "of the base")
	if strings.TrimSpace(answer) == "" || ofBase != (tools == payload.BaseFirst) {
		t.Errorf("%s: %s answers %q", tools, what, answer)
	}
}
