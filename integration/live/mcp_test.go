package live

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/client"
	"github.com/google/go-cmp/cmp"
)

// checkMCP has the sandbox start MCP servers in the two usual ways, from
// packages of a company's indexes, and uses a tool of each through the sandbox.
func checkMCP(t *testing.T, s *sandbox) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	f := newForge(t)
	f.trust(t, s)
	const name, bundle = "oh-live-mcp", "/etc/ssl/certs/ca-certificates.crt"
	f.pythonPackage(name, wheel(t, "oh_live_mcp", read(t, "testdata/mcp/server.py"),
		[2]string{"entry_points.txt", "[console_scripts]\n" + name + " = oh_live_mcp:main\n"}))
	f.nodePackage(t, name, read(t, "testdata/mcp/server.js"))

	// A server sees only what is set here, and a handful of variables such as
	// PATH and HOME.
	servers := []client.MCPServer{
		{Name: "python", Command: "uvx", Args: []string{name}, Env: map[string]string{
			"OH_LIVE_SETTING": "größe", "SSL_CERT_FILE": bundle, "UV_DEFAULT_INDEX": f.pythonIndex(),
		}},
		{Name: "javascript", Command: "npx", Args: []string{"-y", name}, Env: map[string]string{
			"OH_LIVE_SETTING": "größe", "NODE_EXTRA_CA_CERTS": bundle, "npm_config_registry": f.nodeIndex(),
			"npm_config_fetch_retries": "0", "npm_config_fetch_timeout": "30000",
		}},
	}
	if err := s.SetMCPServers(ctx, servers...); err != nil {
		t.Fatal(err)
	}
	session, err := s.OpenMCP(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	tools, err := session.Tools(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range servers {
		tool := server.Name + "_about"
		if !slices.Contains(tools, tool) {
			t.Errorf("the tools are %q, without %s", tools, tool)
			continue
		}
		text, err := session.Call(ctx, tool, map[string]string{"text": "naïve 語"})
		if err != nil {
			t.Error(err)
			continue
		}
		got := map[string]string{}
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%s answers %q", tool, text)
		}
		want := map[string]string{"language": server.Name, "text": "naïve 語", "setting": "größe", "home": "/root", "tls": "OpenSSL"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", tool, diff)
		}
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
