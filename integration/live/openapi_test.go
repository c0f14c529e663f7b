package live

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/integration/agentserver"
	"github.com/docker-openhands/docker-openhands/integration/clients"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// TestInterface compares what the server of an image says of its own interface
// (OpenAPI) with what the wheel says that is installed as its makers mean it.
func TestInterface(t *testing.T) {
	sealed := asSDK("")(t, "scratch", build(t, "scratch", "--server", "agent-server"))
	got, want := interfaceOf(t, sealed.Client), interfaceOf(t, startWheel(t))
	if paths, ok := want["paths"].(map[string]any); !ok || len(paths) == 0 {
		t.Fatal("the wheel's server says nothing of its interface")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// startWheel starts the agent server of the published wheel on this machine.
func startWheel(t *testing.T) *agentserver.Client {
	t.Helper()
	python, err := clients.Driver{Folder: "../clients", Wheels: clients.SDK, Log: t.Output()}.Python(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().(*net.TCPAddr)
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(t.Context(), python, "-m", "openhands.agent_server", "--host", "127.0.0.1", "--port", strconv.Itoa(address.Port))
	server.Dir = t.TempDir()
	server.Env = append(os.Environ(), agentKey, "HOME="+server.Dir, "OH_ENABLE_VSCODE=false",
		"LITELLM_LOCAL_MODEL_COST_MAP=True", "OPENHANDS_SUPPRESS_BANNER=1", "PYTHONDONTWRITEBYTECODE=1")
	server.Stdout, server.Stderr = t.Output(), t.Output()
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) }
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	// The context of the test has ended by then, and with it the server.
	t.Cleanup(func() { _ = server.Wait() })
	client := &agentserver.Client{URL: "http://" + address.String(), Key: sessionKey}
	if err := lab.WaitFor(t.Context(), 2*aliveLimit, "the wheel's agent server", client.Healthy); err != nil {
		t.Fatal(err)
	}
	return client
}

// interfaceOf returns a server's description of its interface.
func interfaceOf(t *testing.T, server *agentserver.Client) map[string]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), aliveLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", answer.Status, text)
	}
	var description map[string]any
	if err := json.Unmarshal(text, &description); err != nil {
		t.Fatal(err)
	}
	return description
}
