package live

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document/documenttest"
	"github.com/docker-openhands/docker-openhands/integration/agentserver"
	"github.com/docker-openhands/docker-openhands/integration/client"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/google/go-cmp/cmp"
)

// TestRun starts a server with the plugin's own command and ends it as Ctrl-C
// does: the server answers at the printed address, then nothing is left of it.
func TestRun(t *testing.T) {
	image := build(t, "alpine:3.20")
	before := holdings(t, lab.Engine{})
	cmd := lab.Engine{}.Command(t.Context(), "openhands", "run", image)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var output lockedBuffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	address := regexp.MustCompile(`alive at (http://\S+)`)
	var printed []string
	err := lab.WaitFor(t.Context(), aliveLimit, "the server's address", func(context.Context) bool {
		printed = address.FindStringSubmatch(output.String())
		return printed != nil
	})
	if err != nil {
		t.Error(err)
	} else {
		server := client.Client{URL: printed[1]}
		result, err := server.RunAgain(t.Context(), client.Command{Line: "whoami"})
		if err != nil || strings.TrimSpace(result.Output) != "openhands" {
			t.Errorf("%+v, %v", result, err)
		}
	}
	begin := time.Now()
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("it took %s to stop", took)
	}
	if t.Failed() {
		t.Log(output.String())
	}
	if diff := cmp.Diff(before, holdings(t, lab.Engine{})); diff != "" {
		t.Errorf("the engine before (-) and after (+):\n%s", diff)
	}
}

// TestRunAsDockerDoes starts each server with options of "docker run", finds it,
// reads its log and stops it.
func TestRunAsDockerDoes(t *testing.T) {
	for _, test := range []struct {
		server, key string // the flags for a key; empty: the one that is made
		workspace   string
		bash        func(t *testing.T, address, key, line string) (string, error)
	}{
		{"agent-server", "", "/workspace/project", func(t *testing.T, address, key, line string) (string, error) {
			server := agentserver.Client{URL: address, Key: key}
			result, err := server.Bash(t.Context(), line)
			return result.Stdout, err
		}},
		{"action-execution-server", sessionKey, "/workspace", func(t *testing.T, address, key, line string) (string, error) {
			server := client.Client{URL: address, Key: key}
			result, err := server.RunAgain(t.Context(), client.Command{Line: line})
			return result.Output + "\n", err
		}},
	} {
		t.Run(test.server, func(t *testing.T) {
			image := build(t, "alpine:3.20", "--server", test.server)
			before := holdings(t, lab.Engine{})
			folder := t.TempDir()
			vars := filepath.Join(folder, "vars")
			for name, text := range map[string]string{vars: "FROM_FILE=größe\n", filepath.Join(folder, "file"): "mounted\n"} {
				if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			name := "oh-live-" + slug(t.Name())
			args := []string{
				"openhands", "run", "--json", "--detach", "--progress", "quiet", "--name", name, "--env", "SAID=once", "--env-file", vars,
				"--volume", folder + ":" + test.workspace, "--publish", "3000", "--label", "mine=x", "--memory", "3g", "--init",
			}
			if test.key != "" {
				args = append(args, "--session-key", test.key)
			}
			cleanup(t, lab.Engine{}, "rm", "--force", "--volumes", name)
			var started struct{ Container, Name, Image, Address, SessionKey string }
			out := docker(t, append(args, image)...)
			if err := json.Unmarshal([]byte(out), &started); err != nil {
				t.Fatalf("%v in %q", err, out)
			}
			if started.Name != name || started.Image != image || test.key != "" && started.SessionKey != test.key {
				t.Errorf("started is %+v", started)
			}
			const line = "cat file; echo $SAID $FROM_FILE"
			if said, err := test.bash(t, started.Address, started.SessionKey, "cd "+test.workspace+" && "+line); err != nil || said != "mounted\nonce größe\n" {
				t.Errorf("%q, %v", said, err)
			}
			if said, err := test.bash(t, started.Address, "another key", "true"); err == nil {
				t.Errorf("with another key it says %q", said)
			}
			equal(t, docker(t, "ps", "--filter", "name="+name, "--format", "{{.Image}} {{.Label \"mine\"}}"), image+" x")
			equal(t, docker(t, "openhands", "ps", "--filter", "name="+name, "--format", "{{.Name}} {{.Server}} {{.Address}}"),
				strings.Join([]string{name, test.server, started.Address}, " "))
			contains(t, docker(t, "openhands", "ps", "--filter", "name="+name, "--format", "{{.Ports}}"), "->3000/tcp")
			log, err := lab.Engine{}.Command(t.Context(), "openhands", "logs", "--tail", "50", name).CombinedOutput()
			if err != nil || len(log) == 0 {
				t.Errorf("the log is %q, %v", log, err)
			}
			equal(t, docker(t, "openhands", "stop", name), name+" was stopped and its container removed")
			if diff := cmp.Diff(before, holdings(t, lab.Engine{})); diff != "" {
				t.Errorf("the engine before (-) and after (+):\n%s", diff)
			}
		})
	}
}

// TestRunAgentServer starts the other server, which brings a VS Code of its own
// where the image has one: the printed address opens it, and the extension that
// the server brings has set its colours.
func TestRunAgentServer(t *testing.T) {
	for _, test := range []struct {
		name   string
		flags  []string
		editor bool
	}{
		{"with VS Code", []string{"--server", "agent-server"}, true},
		{"without VS Code", optional, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			image := build(t, "alpine:3.20", test.flags...)
			var started struct{ Container, Address, SessionKey, Editor string }
			out := docker(t, "openhands", "run", "--json", "--detach", "--progress", "quiet", image)
			if err := json.Unmarshal([]byte(out), &started); err != nil {
				t.Fatalf("%v in %q", err, out)
			}
			cleanup(t, lab.Engine{}, "rm", "--force", "--volumes", started.Container)
			documenttest.Validate(t, "run", []byte(out))
			server := agentserver.Client{URL: started.Address, Key: started.SessionKey}
			if result, err := server.Bash(t.Context(), "id -un"); err != nil || result.Stdout != "openhands\n" {
				t.Errorf("%+v, %v", result, err)
			}
			if (started.Editor != "") != test.editor {
				t.Errorf("VS Code is at %q", started.Editor)
			}
			if started.Editor == "" {
				return
			}
			e := &editor{sandbox: &sandbox{container: started.Container}, tab: browser(t)}
			e.do(t,
				chromedp.EmulateViewport(1280, 800),
				chromedp.Navigate(started.Editor),
				chromedp.WaitVisible(`//div[contains(@class, "monaco-workbench")][contains(@class, "dark_plus")]`),
			)
			e.picture(t, "agent-server")
		})
	}
}
