package live

import (
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/client"
)

// TestNoSudo holds what --no-sudo promises, in each way that the server is
// started by: with the server's key a session gets no more than it has.
func TestNoSudo(t *testing.T) {
	checks := []sandboxCheck{
		{"identity", checkUser("openhands", "1000")},
		{"the server is the user's", checkServerOf("openhands")},
		{"the server writes no file of root's", checkRootsFiles},
		{"the key stays with the server", checkKeyStays},
		{"files", checkFiles},
		{"notebook", checkNotebook},
	}
	suite[*sandbox]{
		title: "Without sudo",
		about: "Images of `--no-sudo`: the server runs as the user, and the session has no way to root through it.",
		bases: []string{"alpine:3.20", "debian:12"},
		flags: []string{"--no-sudo"},
		modes: []sandboxMode{
			{name: "as OpenHands starts it", start: asUser("openhands", "1000"), checks: checks},
			{name: "the image's own command", on: []string{"alpine:3.20"}, start: asImage("openhands"), checks: checks},
			{name: "OpenHands' command in the image", on: []string{"alpine:3.20"}, start: func(t *testing.T, base, image string) *sandbox {
				return start(t, base, image, way{user: "openhands", command: asOpenHands("openhands", "1000"), options: []string{"--entrypoint", "/openhands/bin/oh-init"}})
			}, checks: checks},
			{name: "account made at start", on: []string{"debian:12"}, start: asUser("dev", "1234"), checks: []sandboxCheck{
				{"identity", checkUser("dev", "1234")},
				{"the server is the user's", checkServerOf("dev")},
				{"the server writes no file of root's", checkRootsFiles},
			}},
			{name: "root is asked for", on: []string{"alpine:3.20"}, start: asUser("root", "0"), checks: []sandboxCheck{
				{"the server is root's", checkServerOf("root")},
			}},
		},
	}.run(t)
}

// checkServerOf looks at whose the process of the server is, from outside.
func checkServerOf(user string) func(t *testing.T, s *sandbox) {
	return func(t *testing.T, s *sandbox) {
		id := map[string]string{"openhands": "1000", "dev": "1234", "root": "0"}[user]
		for line := range strings.Lines(docker(t, "top", s.container, "-eo", "uid,pid,args")) {
			if strings.Contains(line, "start.py") && strings.Contains(line, "openhands.runtime.action_execution_server") && strings.Fields(line)[0] != id {
				t.Errorf("the server is not %s's: %s", user, line)
			}
		}
	}
}

// checkRootsFiles has the session ask the server to write where only root may,
// with its key.
func checkRootsFiles(t *testing.T, s *sandbox) {
	s.shell(t, "test ! -w /etc")
	// The server carries out one action at a time: the request is one of a program
	// that the cell leaves behind.
	s.cell(t, `import subprocess, sys
request = """
import json, urllib.request
body = {"action": {"action": "write", "args": {"path": "/etc/cron.d/owned", "content": "x"}}}
r = urllib.request.Request("http://127.0.0.1:8000/execute_action", json.dumps(body).encode(), {"Content-Type": "application/json", "X-Session-API-Key": "`+sessionKey+`"})
try: print(urllib.request.urlopen(r).read().decode())
except urllib.error.HTTPError as e: print(e.code, e.read().decode())
"""
subprocess.Popen([sys.executable, "-c", request], stdout=open("/tmp/answer", "w"), stderr=subprocess.STDOUT)
print("asked")`)
	answer := ""
	for end := time.Now().Add(time.Minute); answer == ""; {
		if answer = s.shell(t, "cat /tmp/answer"); time.Now().After(end) {
			t.Fatal("the server does not answer its session")
		}
	}
	if strings.Contains(answer, "Could not validate") {
		t.Errorf("the request was not the server's client's: %s", answer)
	}
	if result := s.run(t, client.Command{Line: "ls -l /etc/cron.d/owned"}); result.ExitCode == 0 {
		t.Errorf("the server wrote a file of root's: %s\n%s", result.Output, answer)
	}
}

// checkKeyStays looks for the server's key in the environment of every process
// that the session can read, in tmux and in the notebook.
func checkKeyStays(t *testing.T, s *sandbox) {
	// The pattern is not the key: this shell's own arguments are looked at too.
	pattern := "[" + sessionKey[:1] + "]" + sessionKey[1:]
	if found := s.shell(t, `for p in /proc/[0-9]*; do (tr '\0' '\n' < "$p/environ") 2>/dev/null | grep -q '`+pattern+`' && echo "$p $(tr '\0' ' ' < "$p/cmdline")"; done; true`); found != "" {
		t.Errorf("these processes have the key:\n%s", found)
	}
	equal(t, s.shell(t, "env | grep -c SESSION_API_KEY; tmux show-environment -g | grep -c SESSION_API_KEY; true"), "0\n0")
	equal(t, s.cell(t, "import os; print(os.environ.get('SESSION_API_KEY'))"), "None")
}
