package live

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/integration/agentserver"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// agent is a container with an agent server in it.
type agent struct {
	*agentserver.Client
	container string
	id        string // user and group of the server, as id(1) tells them
}

// agentKey makes a server guarded, and so one that listens to others.
const agentKey = "OH_SESSION_API_KEYS_0=" + sessionKey

// asSDK starts an image as the SDK does: what follows the image are options of
// the server.
func asSDK(id string, options ...string) func(t *testing.T, base, image string) *agent {
	return func(t *testing.T, base, image string) *agent {
		t.Helper()
		return startAgent(t, image, id, append([]string{"--env", agentKey}, options...), "--host", "0.0.0.0", "--port", "8000")
	}
}

// asApplication starts an image as the OpenHands application does.
func asApplication(id string) func(t *testing.T, base, image string) *agent {
	return func(t *testing.T, base, image string) *agent {
		t.Helper()
		return startAgent(t, image, id, []string{
			"--env", agentKey, "--init", "--workdir", "/workspace/project", "--env", "OPENVSCODE_SERVER_ROOT=/openhands/.openvscode-server",
			"--env", "LOG_JSON=true", "--env", "OH_CONVERSATIONS_PATH=/workspace/conversations",
			"--env", "OH_BASH_EVENTS_DIR=/workspace/bash_events", "--env", "PYTHONUNBUFFERED=1", "--env", "ENV_LOG_LEVEL=20",
		}, "--port", "8000")
	}
}

func startAgent(t *testing.T, image, id string, options []string, args ...string) *agent {
	t.Helper()
	name := "oh-live-" + slug(t.Name())
	docker(t, slices.Concat([]string{"run", "--detach", "--name", name, "--publish", "127.0.0.1::8000"}, options, []string{image}, args)...)
	cleanup(t, lab.Engine{}, "rm", "--force", "--volumes", name)
	s := &sandbox{container: name}
	t.Cleanup(func() { s.saveLog(t) })
	a := &agent{container: name, id: id, Client: &agentserver.Client{
		URL: "http://" + strings.Fields(docker(t, "port", name, "8000/tcp"))[0], Key: sessionKey,
	}}
	a.wait(t, a.Healthy)
	return a
}

// wait returns when the server is healthy. It fails the test at once when the
// container has ended.
func (a *agent) wait(t *testing.T, healthy func(context.Context) bool) {
	t.Helper()
	ended := false
	err := lab.WaitFor(t.Context(), 2*aliveLimit, "the agent server", func(ctx context.Context) bool {
		if healthy(ctx) {
			return true
		}
		running, err := lab.Engine{}.Docker(ctx, "inspect", "--format", "{{.State.Running}}", a.container)
		ended = err == nil && running != "true"
		return ended
	})
	if err != nil || ended {
		log, _ := lab.Engine{}.Command(context.WithoutCancel(t.Context()), "logs", "--tail", "40", a.container).CombinedOutput()
		t.Fatalf("the agent server is not healthy (container ended: %v): %v\n%s", ended, err, log)
	}
}

// exec runs a program of the payload in the container.
func (a *agent) exec(t *testing.T, argv ...string) string {
	t.Helper()
	return docker(t, append([]string{"exec", a.container}, argv...)...)
}

type agentCheck = check[*agent]

// TestAgentServer starts the agent server on each base, as OpenHands' own
// clients start its image.
func TestAgentServer(t *testing.T) {
	tools := []agentCheck{
		{"bash over HTTP", checkAgentBash},
		{"terminal", checkAgentTerminal},
		{"file editor", checkAgentEditor},
		{"browser", checkAgentBrowser},
	}
	const account, stranger = "uid=10001(openhands) gid=10001(openhands)", "uid=12345 gid=0(root)"
	suite[*agent]{
		title: "The agent server",
		about: "Started with the argument list of OpenHands' SDK and that of its application. " +
			"The tools are called by an agent in a conversation; a stand-in for the model says what it calls.",
		bases: bases,
		flags: []string{"--server", "agent-server"},
		modes: []mode[*agent]{
			{name: "SDK", start: asSDK(account), checks: slices.Concat([]agentCheck{
				{"/server_info", checkAgentInfo(newestRelease(t))},
				{"session key", checkAgentKey},
			}, tools, []agentCheck{
				{"--check-browser", checkAgentSelfTest},
				{"sudo", checkAgentSudo},
			})},
			{name: "application", on: []string{"debian:12", "alpine:3.20"}, start: asApplication(account), checks: tools},
			{name: "user 12345:0", on: []string{"debian:12", "alpine:3.20", "scratch"}, start: asSDK(stranger, "--user", "12345:0"), checks: tools},
			{name: "no network", on: []string{"debian:12", "scratch"}, start: withoutNetwork, checks: []agentCheck{
				{"nothing is asked for outside", checkAgentAsksNobody},
			}},
		},
	}.run(t)
}

func checkAgentInfo(version string) func(*testing.T, *agent) {
	return func(t *testing.T, a *agent) {
		info, err := a.ServerInfo(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.Version != version {
			t.Errorf("version %q, want %q", info.Version, version)
		}
		for _, tool := range []string{"terminal", "file_editor", "browser_tool_set"} {
			if !slices.Contains(info.Tools, tool) {
				t.Errorf("%s is not among the usable tools %q", tool, info.Tools)
			}
		}
	}
}

func checkAgentKey(t *testing.T, a *agent) {
	other := agentserver.Client{URL: a.URL, Key: "another key"}
	if _, err := other.Bash(t.Context(), "id"); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a wrong key gets %v", err)
	}
}

func checkAgentBash(t *testing.T, a *agent) {
	out, err := a.Bash(t.Context(), `id; echo "größe $HOME" >&2; touch "$HOME/x" && exit 3`)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, out.Stdout, a.id)
	contains(t, out.Stderr, "größe /")
	if out.ExitCode != 3 {
		t.Errorf("exit status %d, want 3: %s", out.ExitCode, out.Stderr)
	}
}

// converse has an agent carry out actions and returns what the tools said.
func (a *agent) converse(t *testing.T, tool string, actions ...agentserver.Action) []string {
	t.Helper()
	model := agentserver.NewModel(actions...)
	if err := a.Converse(t.Context(), serveToContainers(t, model), tool); err != nil {
		t.Fatalf("%v\nthe tools said %q", err, model.Results())
	}
	results := model.Results()
	if len(results) < len(actions) {
		t.Fatalf("%d of %d actions were carried out: %q", len(results), len(actions), results)
	}
	return results
}

// serveToContainers makes a handler reachable from containers of the default
// network and returns its address.
func serveToContainers(t *testing.T, handler http.Handler) string {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(hostAddress(t), "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(listener) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + listener.Addr().String() + "/v1"
}

func terminal(command string) agentserver.Action {
	return agentserver.Action{Tool: "terminal", Arguments: map[string]any{"command": command}}
}

// checkAgentTerminal looks at the terminal's shell: it is tmux's, keeps its
// state, and has the environment that the base made.
func checkAgentTerminal(t *testing.T, a *agent) { checkTerminalWithout(t, a, "OH_SESSION_API_KEYS_0") }

// checkAgentTerminalWithKey is for releases that leave the session key in the
// environment of their terminals.
func checkAgentTerminalWithKey(t *testing.T, a *agent) { checkTerminalWithout(t, a) }

func checkTerminalWithout(t *testing.T, a *agent, variables ...string) {
	t.Helper()
	said := a.converse(t, "terminal",
		terminal(`kept=größe; cd /tmp; echo "tmux: ${TMUX:+inside}"`),
		terminal(`echo "kept $kept in $PWD"; id; sh -c 'exit 4'`),
		terminal(`command -v git rg python3 bash tmux; env`))
	contains(t, said[0], "tmux: inside")
	contains(t, said[1], "kept größe in /tmp")
	contains(t, said[1], a.id)
	contains(t, said[1], "exit code 4")
	for _, name := range append(variables, "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH") {
		if strings.Contains(said[2], "\n"+name+"=") {
			t.Errorf("%s reaches the terminal:\n%s", name, said[2])
		}
	}
}

func checkAgentEditor(t *testing.T, a *agent) {
	const file = "/workspace/project/file.txt"
	edit := func(command string, more ...string) agentserver.Action {
		arguments := map[string]any{"command": command, "path": file}
		for i := 0; i < len(more); i += 2 {
			arguments[more[i]] = more[i+1]
		}
		return agentserver.Action{Tool: "file_editor", Arguments: arguments}
	}
	said := a.converse(t, "file_editor",
		edit("create", "file_text", "one\ntwö\nthree\n"),
		edit("str_replace", "old_str", "twö", "new_str", "zwei"),
		edit("view"))
	contains(t, said[2], "zwei")
	out, err := a.Bash(t.Context(), "cat "+file+"; rm "+file)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, out.Stdout, "one\nzwei\nthree\n")
}

const agentPage = `<!doctype html><meta charset=utf-8><title>A page</title><p id=p>before</p><a href="javascript:go()">go</a>` +
	`<script>function go() { document.getElementById("p").textContent = "größe " + 6 * 7 }; go()</script>`

// checkAgentBrowser opens a page that is served inside the container.
func checkAgentBrowser(t *testing.T, a *agent) {
	quoted, err := json.Marshal(agentPage)
	if err != nil {
		t.Fatal(err)
	}
	served := fmt.Sprintf(`mkdir -p /tmp/site && cd /tmp/site && python3 -c 'import json,sys; open("index.html","w").write(json.loads(sys.stdin.read()))' <<'END'
%s
END
(python3 -m http.server --bind 127.0.0.1 18123 >/dev/null 2>&1 &)`, quoted)
	if out, err := a.Bash(t.Context(), served); err != nil || out.ExitCode != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	said := a.converse(t, "browser_tool_set",
		agentserver.Action{Tool: "browser_navigate", Arguments: map[string]any{"url": "http://127.0.0.1:18123/"}},
		agentserver.Action{Tool: "browser_get_content", Arguments: map[string]any{"extract_links": false, "start_from_char": 0}},
		agentserver.Action{Tool: "browser_get_state", Arguments: map[string]any{"include_screenshot": true}})
	contains(t, said[1], "größe 42")
	contains(t, said[2], `"text": "go"`)
}

func checkAgentSelfTest(t *testing.T, a *agent) {
	contains(t, a.exec(t, "/openhands/bin/oh-agent-server", "--check-browser"), "Browser check passed")
}

func checkAgentSudo(t *testing.T, a *agent) {
	out, err := a.Bash(t.Context(), "sudo id -u")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, out.Stdout+out.Stderr, "0\n")
}

// withoutNetwork starts a server that can reach nobody.
func withoutNetwork(t *testing.T, _, image string) *agent {
	t.Helper()
	name := "oh-live-" + slug(t.Name())
	docker(t, "run", "--detach", "--name", name, "--network", "none", "--dns", "192.0.2.1", "--env", agentKey, image)
	cleanup(t, lab.Engine{}, "rm", "--force", "--volumes", name)
	s := &sandbox{container: name}
	t.Cleanup(func() { s.saveLog(t) })
	a := &agent{container: name}
	a.wait(t, func(ctx context.Context) bool {
		_, err := lab.Engine{}.Docker(ctx, "exec", name, "/openhands/fallback/bin/curl", "--fail", "--silent", "http://127.0.0.1:8000/health")
		return err == nil
	})
	return a
}

// checkAgentAsksNobody reads the kernel's count of packets for which there was
// no route: any look-up of a name and any connection would be one.
func checkAgentAsksNobody(t *testing.T, a *agent) {
	if n := a.refused(t); n != 0 {
		t.Errorf("while it started, the server tried to reach others %d times", n)
	}
	_, err := lab.Engine{}.Docker(t.Context(), "exec", a.container, "/openhands/fallback/bin/curl", "--silent", "http://name.example")
	if n := a.refused(t); err == nil || n == 0 {
		t.Errorf("a look-up is counted %d times and ends with %v: the count proves nothing", n, err)
	}
}

func (a *agent) refused(t *testing.T) int {
	t.Helper()
	total := 0
	// Of each protocol a line of names and one of values; for IPv6 both on one.
	lines := strings.Split(a.exec(t, "/openhands/fallback/bin/cat", "/proc/net/snmp", "/proc/net/snmp6"), "\n")
	for i, line := range lines {
		fields := strings.Fields(line)
		var n int
		switch {
		case len(fields) == 2 && fields[0] == "Ip6OutNoRoutes":
			fmt.Sscan(fields[1], &n)
		case i > 0 && strings.HasPrefix(line, "Ip: ") && strings.HasPrefix(lines[i-1], "Ip: Forwarding"):
			fmt.Sscan(fields[slices.Index(strings.Fields(lines[i-1]), "OutNoRoutes")], &n)
		}
		total += n
	}
	return total
}
