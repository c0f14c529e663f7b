package live

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
)

// TestUsers starts the server for other users than its two own.
func TestUsers(t *testing.T) {
	quick := func(name, id string, options ...string) way {
		return way{user: name, command: append(asOpenHands(name, id), "--no-enable-browser"), options: options}
	}
	suite[*sandbox]{
		title: "Users",
		about: "Accounts of other names and IDs: made with the image, made by the server when it starts, taken already, and without `su`.",
		bases: []string{"alpine:3.20", "debian:12", "scratch"},
		modes: []sandboxMode{
			{
				name:  "built with --user dev:1234",
				on:    []string{"alpine:3.20", "scratch"},
				flags: []string{"--user", "dev:1234"},
				start: asImage("dev"),
				checks: []sandboxCheck{
					{"identity", checkUser("dev", "1234")},
					{"notebook", checkNotebook},
					{"sudo", checkUserSudo},
				},
			},
			{
				name:  "account made at start",
				on:    []string{"debian:12", "scratch"},
				start: startAs(quick("dev", "1234")),
				checks: []sandboxCheck{
					{"identity", checkUser("dev", "1234")},
					{"notebook", checkNotebook},
					{"sudo", checkUserSudo},
				},
			},
			{
				name:  "user ID 1000 is node's",
				on:    []string{"debian:12"},
				over:  withNode,
				start: startAs(quick("openhands", "1000")),
				checks: []sandboxCheck{
					{"identity", checkUser("openhands", "1001")},
					{"notebook", checkNotebook},
					{"sudo", checkUserSudo},
				},
			},
			{
				name:  "container of user 1000:0",
				on:    []string{"alpine:3.20"},
				start: startAs(quick("openhands", "1000", "--user", "1000:0")),
				checks: []sandboxCheck{
					{"identity", checkUser("openhands", "1000")},
					{"files", checkFiles},
				},
			},
			{
				name:  "SU_TO_USER=false",
				on:    []string{"alpine:3.20", "debian:12"},
				start: startAs(quick("openhands", "1000", "--env", "SU_TO_USER=false")),
				checks: []sandboxCheck{
					{"sessions are the server's", func(t *testing.T, s *sandbox) {
						equal(t, s.shell(t, "id -u"), "0")
						equal(t, s.cell(t, "import os; print(os.getuid())"), "0")
					}},
					{"no leaked variables", checkEnvironment},
					{"order of PATH", checkPlainPath},
				},
			},
		},
	}.run(t)
}

func startAs(how way) func(t *testing.T, base, image string) *sandbox {
	return func(t *testing.T, base, image string) *sandbox {
		t.Helper()
		return start(t, base, image, how)
	}
}

// checkUser looks at who a session belongs to, in both directions.
func checkUser(name, id string) func(t *testing.T, s *sandbox) {
	return func(t *testing.T, s *sandbox) {
		equal(t, s.shell(t, "id -u; id -un; whoami"), strings.Join([]string{id, name, name}, "\n"))
		equal(t, s.shell(t, `cd; echo "$HOME $USER $PWD"; cd - > /dev/null`), "/home/"+name+" "+name+" /home/"+name)
		equal(t, s.shell(t, "touch mine; stat -c %u:%U mine"), id+":"+name)
		equal(t, s.cell(t, "import os, pwd; print(os.getuid(), pwd.getpwuid(os.getuid()).pw_name)"), id+" "+name)
	}
}

func checkUserSudo(t *testing.T, s *sandbox) { equal(t, s.shell(t, "sudo id -u"), "0") }

// checkPlainPath wants the image's PATH, with nothing of the server's.
func checkPlainPath(t *testing.T, s *sandbox) {
	if path := s.shell(t, "echo $PATH"); strings.Contains(path, "/poetry/") || strings.Contains(path, "/compat/") {
		t.Errorf("PATH is the server's: %s", path)
	}
}

// withNode makes a base whose user ID 1000 belongs to an account of its own. It
// need not have a shell.
func withNode(t *testing.T, base string) string {
	t.Helper()
	files := map[string]string{"passwd": "root:x:0:0:root:/root:/bin/sh\n", "group": "root:x:0:\n"}
	if base != "scratch" {
		container := strings.TrimSpace(docker(t, "create", base, "none"))
		defer docker(t, "rm", container)
		for name := range files {
			path := filepath.Join(t.TempDir(), name)
			docker(t, "cp", "--follow-link", container+":/etc/"+name, path)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files[name] = string(text)
		}
	}
	files["passwd"] += "node:x:1000:1000::/home/node:/bin/sh\n"
	files["group"] += "node:x:1000:\n"
	return derive(t, base, "node", "FROM "+base+"\nCOPY passwd group /etc/\n", files)
}

// TestVerifyLive checks a sound image by running it: for the user that it was
// made for and for one that it does not know, every component shows that it
// works.
func TestVerifyLive(t *testing.T) {
	image := build(t, "alpine:3.20", "--user", "dev:1234")
	before := holdings(t, lab.Engine{})
	report, stderr, err := verifyImage(t, image, "--live", "--progress", "quiet")
	if err != nil || !report.Passed || !report.Live {
		t.Errorf("%v\n%s", err, stderr)
	}
	proofs := map[string]int{}
	for _, f := range report.Findings {
		if f.Status != payload.StatusOK {
			t.Errorf("%+v", f)
		}
		for _, account := range []string{"user dev", "user ID 12345:0"} {
			if strings.HasPrefix(f.Check, "proof of ") && strings.HasSuffix(f.Check, ", "+account) {
				proofs[account]++
			}
		}
	}
	if proofs["user dev"] < 5 || proofs["user dev"] != proofs["user ID 12345:0"] {
		t.Errorf("proofs: %v", proofs)
	}
	if len(report.Servers) != 2 {
		t.Errorf("servers: %+v", report.Servers)
	}
	if diff := cmp.Diff(before, holdings(t, lab.Engine{})); diff != "" {
		t.Errorf("the engine before (-) and after (+):\n%s", diff)
	}
}
