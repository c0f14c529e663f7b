package live

import (
	"bufio"
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/integration/agentserver"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// A list of variables that oh-variables has made, and of those in it that are
// meant for the servers.
const (
	variablesFile = "../../oh-wrappers/testdata/variables.txt"
	meantFile     = "../../oh-wrappers/testdata/meant.txt"
)

// ofPanes are what tmux, the first shell and the image set for a session.
var ofPanes = []string{"PATH", "COLUMNS", "LINES", "PWD", "TERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "TMUX", "TMUX_PANE"}

// ofBash are what a bash has values of its own for, whatever it was given.
var ofBash = []string{"BASH_ARGV0", "BASH_COMMAND", "BASH_EXECUTION_STRING", "BASH_FUNC_ls%%", "BASH_SUBSHELL", "BASH_VERSINFO", "BASH_VERSION", "PS1", "PS2"}

// everyVariable gives each variable that a program of the payload knows, and
// that is not meant for it, a value that none of them takes.
func everyVariable(t *testing.T, without ...string) map[string]string {
	t.Helper()
	variables := map[string]string{
		// What ended a server, in the forms that did.
		"no_proxy": "fe80::/10,[::1],fd00::/8", "NO_PROXY": "fd00::/8", "ALL_PROXY": "socks4://127.0.0.1:9", "all_proxy": "socks5://127.0.0.1:9",
		"https_proxy": "socks5h://127.0.0.1:9", "http_proxy": "127.0.0.1:9", "SSL_CERT_FILE": "/etc/corp/missing.pem", "REQUESTS_CA_BUNDLE": "/etc/corp",
		// Names and values that a shell would not have.
		"EMPTY": "", "dotted.name-x": "a", "MANY": strings.Repeat("a long value ", 9000), "OWN": "the user's",
	}
	for _, name := range first(t, variablesFile) {
		variables[name] = "\"none\nof: [" + name
	}
	for _, name := range append(first(t, meantFile), without...) {
		if strings.HasPrefix(variables[name], "\"none") {
			delete(variables, name)
		}
	}
	return variables
}

// first returns the first word of each line of a file.
func first(t *testing.T, file string) (words []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		word, _, _ := strings.Cut(lines.Text(), " ")
		words = append(words, word)
	}
	return words
}

func options(variables map[string]string) (flags []string) {
	for name, value := range variables {
		flags = append(flags, "--env", name+"="+value)
	}
	return flags
}

// readEnviron prints the environment that a shell was started with. With
// LD_SHOW_AUXV, a program of the base's prints another text before its own.
const readEnviron = "/openhands/fallback/bin/cat /proc/$$/environ"

// checkSession compares the environment that a session's shell was started
// with, in a file of the container.
func checkSession(t *testing.T, container, file string, want map[string]string) {
	t.Helper()
	out, err := lab.Engine{}.Command(t.Context(), "exec", container, "/openhands/fallback/bin/cat", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for entry := range strings.SplitSeq(string(out), "\x00") {
		name, value, _ := strings.Cut(entry, "=")
		got[name] = value
		if strings.HasPrefix(name, "_OPENHANDS_") {
			t.Errorf("the server's %s is in the session", name)
		}
	}
	for name, value := range want {
		if mine, ok := got[name]; !ok || mine != value {
			t.Errorf("%s=%.60q in the session (set: %v), want %.60q", name, mine, ok, value)
		}
	}
}

// overSite makes a base with a file in every place where a program of the
// payload, or one like it, reads how a site or a user wants it.
func overSite(t *testing.T, base string) string {
	const (
		tmux   = "set -g base-index 7\nset -g default-command 'exit 9'\nset -g remain-on-exit on\nkill-server\n"
		python = "raise SystemExit('of the site')\n"
		kernel = `{"argv": ["/bin/false", "{connection_file}"], "display_name": "of the site", "language": "python"}`
		// The kernel is the user's, and reads what is in the user's home.
		path = "import os, sys; 'ipykernel_launcher' in sys.orig_argv or os._exit(9)\n"
	)
	files := map[string]string{
		"etc/tmux.conf": tmux, "etc/ssl/openssl.cnf": "no configuration [", "usr/lib/ssl/openssl.cnf": "no configuration [",
		"usr/local/ssl/openssl.cnf": "no configuration [", "etc/pki/tls/openssl.cnf": "no configuration [",
		"etc/fonts/fonts.conf": "no XML", "etc/terminfo/t/tmux": "no terminal", "etc/terminfo/s/screen": "no terminal",
		"etc/chromium/policies/managed/site.json": `{"URLBlocklist": ["*"]}`, "etc/opt/chrome/policies/managed/site.json": `{"URLBlocklist": ["*"]}`,
		"usr/local/share/jupyter/kernels/python3/kernel.json": kernel, "usr/share/jupyter/kernels/python3/kernel.json": kernel,
		"etc/nodejs/npmrc": "no settings", "etc/npmrc": "no settings",
	}
	for _, config := range []string{"jupyter_config", "jupyter_server_config", "jupyter_kernel_gateway_config", "jupyter_notebook_config"} {
		for _, folder := range []string{"etc/jupyter", "usr/local/etc/jupyter", "root/.jupyter", "etc/skel/.jupyter"} {
			files[folder+"/"+config+".py"] = python
		}
	}
	for _, home := range []string{"root", "etc/skel"} {
		files[home+"/.tmux.conf"], files[home+"/.config/tmux/tmux.conf"] = tmux, tmux
		files[home+"/.netrc"], files[home+"/.pythonrc"] = "machine\n", python
		files[home+"/.local/share/jupyter/kernels/python3/kernel.json"] = kernel
		files[home+"/.local/lib/python3.13/site-packages/site.pth"] = path
		files[home+"/.config/fontconfig/fonts.conf"] = "no XML"
	}
	files["root/.local/lib/python3.13/site-packages/usercustomize.py"] = python
	files["root/.local/lib/python3.13/site-packages/sitecustomize.py"] = python
	return derive(t, base, "site", "FROM "+base+"\nCOPY etc /etc\nCOPY usr /usr\nCOPY root /root\n", files)
}

// TestEnvironment starts the action execution server where everything that its
// programs could be steered by is there, and wrong.
func TestEnvironment(t *testing.T) {
	const base = "alpine:3.20"
	image := build(t, overSite(t, base))
	variables := everyVariable(t, ofPanes...)
	s := start(t, base, image, way{user: "openhands", command: asOpenHands("openhands", "1000"), options: options(variables)})
	s.shell(t, readEnviron+" > environ")
	checkSession(t, s.container, "/workspace/environ", variables)
	equal(t, s.cell(t, "import sys; print(6 * 7, sys.prefix)"), "42 /openhands/poetry/openhands-ai-5O4_aCHf-py3.13")
	page, err := s.Browse(t.Context(), `goto("data:text/html,<p>a page</p>")`)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, page.Text, "a page")
}

// TestEnvironmentOfAgentServer does the same with the other server: its bash
// service, its terminal and its browser.
func TestEnvironmentOfAgentServer(t *testing.T) {
	const base = "debian:12"
	image := build(t, overSite(t, base), "--server", "agent-server")
	// The server has a folder for its sockets, which its terminals know. With
	// LD_TRACE_LOADED_OBJECTS no program of the base is run, only looked at.
	variables := everyVariable(t, slices.Concat(ofPanes, ofBash, []string{"TMUX_TMPDIR", "LD_TRACE_LOADED_OBJECTS",
		"BROWSER_USE_LOGGING_LEVEL", "BROWSER_USE_SETUP_LOGGING"})...) // the server sets these when it has tools
	delete(variables, "dotted.name-x") // a shell between tmux and the terminal's loses it
	gateway := hostAddress(t)
	variables["no_proxy"] += "," + gateway // where the model is
	a := startAgent(t, image, "", append([]string{"--env", agentKey}, options(variables)...), "--host", "0.0.0.0", "--port", "8000")
	if _, err := a.Bash(t.Context(), readEnviron+" > /tmp/bash"); err != nil {
		t.Fatal(err)
	}
	checkSession(t, a.container, "/tmp/bash", variables)
	a.converse(t, "terminal", terminal(readEnviron+" > /tmp/terminal"))
	checkSession(t, a.container, "/tmp/terminal", variables)
	said := a.converse(t, "browser_tool_set",
		agentserver.Action{Tool: "browser_navigate", Arguments: map[string]any{"url": "data:text/html;charset=utf-8,<p>größe 42"}},
		agentserver.Action{Tool: "browser_get_content", Arguments: map[string]any{"extract_links": false, "start_from_char": 0}})
	contains(t, said[1], "größe 42")
}
