package live

import (
	"context"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

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
