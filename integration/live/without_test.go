package live

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/integration/client"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// startWithoutParts starts a server that is asked for the browser and VS Code
// where both folders are as empty as in an image that was built without them,
// and that watches its memory.
func startWithoutParts(t *testing.T, base, image string) *sandbox {
	t.Helper()
	command := asOpenHands("openhands", "1000")
	if !slices.Contains(command, "vscode") {
		command = slices.Insert(command, slices.Index(command, "--plugins")+1, "vscode")
	}
	return start(t, base, image, way{user: "openhands", command: command, options: []string{
		"--tmpfs", "/openhands/browser", "--tmpfs", "/openhands/.openvscode-server",
		"--env", "RUNTIME_MEMORY_MONITOR=true", "--env", "RUNTIME_MAX_MEMORY_GB=2",
	}})
}

func checkNoBrowser(t *testing.T, s *sandbox) {
	_, err := s.Browse(t.Context(), `goto("http://127.0.0.1/")`)
	var refused *client.ActionError
	if !errors.As(err, &refused) || !strings.Contains(refused.Content, "not supported or disabled") {
		t.Errorf("browsing without a browser: %v", err)
	}
}

func checkMemoryMonitor(t *testing.T, s *sandbox) {
	// The log is on standard error or standard output, as the version has it.
	out, err := lab.Engine{}.Command(t.Context(), "logs", s.container).CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(out), "Setting max memory to 2GB")
	contains(t, string(out), "[Memory usage] MEM")
}
