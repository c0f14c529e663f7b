package live

import (
	"context"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/client"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
)

// TestVerifyAs starts an image of each server as every client of that server does.
// All of it works, but for the time that a busy machine may take longer than the
// application waits; nothing is left.
func TestVerifyAs(t *testing.T) {
	for server, as := range map[string]string{payload.AgentServer: "all", payload.ActionExecutionServer: "v0"} {
		t.Run(server, func(t *testing.T) {
			image := build(t, "alpine:3.20", "--server", server)
			before := holdings(t, lab.Engine{})
			report, stderr, _ := verifyImage(t, image, "--as", as, "--progress", "quiet") // its status is that of the findings
			if !report.Live {
				t.Errorf("nothing was started: %s", stderr)
			}
			var want []string
			for _, c := range client.All() {
				for _, s := range c.Starts(client.Image{}) {
					if c.Server == server {
						want = append(want, s.Name())
					}
				}
			}
			var got []string
			for _, c := range report.Clients {
				name := strings.TrimSuffix(c.Name+", "+c.Way, ", ")
				got = append(got, name)
				for _, step := range verify.Steps() {
					late := step == verify.StepHealth && c.Seconds > 0
					if status := c.Steps[step]; status != payload.StatusOK && !late {
						t.Errorf("%s: %s is %q", name, step, status)
					}
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("it was started as %q, want %q", got, want)
			}
			for _, f := range report.Findings {
				if f.Status == payload.StatusFailed {
					t.Logf("%+v", f)
				}
			}
			if diff := cmp.Diff(before, holdings(t, lab.Engine{})); diff != "" {
				t.Errorf("the engine before (-) and after (+):\n%s", diff)
			}
		})
	}
}

// TestVerifyAsKilled ends the command while a server starts as a client does: the
// next command takes away what is left.
func TestVerifyAsKilled(t *testing.T) {
	image := build(t, "alpine:3.20", "--server", payload.AgentServer)
	before := holdings(t, lab.Engine{})
	cmd := lab.Engine{}.Command(t.Context(), "openhands", "verify", "--as", "canvas", "--progress", "plain", image)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var output lockedBuffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err := lab.WaitFor(t.Context(), 2*time.Minute, "the start", func(context.Context) bool {
		return strings.Contains(output.String(), "as canvas does")
	})
	if err != nil {
		t.Errorf("%v\n%s", err, output.String())
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if _, stderr, err := verifyImage(t, image); err != nil {
		t.Errorf("%v\n%s", err, stderr)
	}
	if diff := cmp.Diff(before, holdings(t, lab.Engine{})); diff != "" {
		t.Errorf("the engine before (-) and after (+):\n%s", diff)
	}
}
