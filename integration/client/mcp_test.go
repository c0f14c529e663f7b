package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// mcpServer answers each request on the stream of the one session that it has,
// the one for tools after the client has said which folders it may use.
func mcpServer(t *testing.T, answers map[string]string) *Client {
	t.Helper()
	events, held := make(chan string, 10), make(chan string, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mcp/sse", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, ": a comment\r\n\r\nevent: endpoint\r\ndata: /mcp/messages/?session_id=1\r\n\r\n")
		for {
			w.(http.Flusher).Flush()
			select {
			case event := <-events:
				fmt.Fprintf(w, "event: message\r\ndata: %s\r\n\r\n", event)
			case <-r.Context().Done():
				return
			}
		}
	})
	mux.HandleFunc("POST /mcp/messages/", func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			ID     json.RawMessage
			Method string
			Error  *struct{ Code int }
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil || r.URL.Query().Get("session_id") != "1" {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		if request.Method == "" && string(request.ID) == `"roots"` && request.Error != nil && request.Error.Code == -32601 {
			events <- <-held
		}
		if answer, ok := answers[request.Method]; ok {
			answer = fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, request.ID, answer)
			if request.Method == "tools/list" {
				held <- answer
				answer = `{"jsonrpc":"2.0","id":"roots","method":"roots/list"}`
			}
			events <- `{"jsonrpc":"2.0","method":"notifications/message"}`
			events <- answer
		}
	})
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	return &Client{URL: web.URL, Key: "secret"}
}

func TestMCP(t *testing.T) {
	ctx := t.Context()
	c := mcpServer(t, map[string]string{
		"initialize": `"result":{"protocolVersion":"2024-11-05"}`,
		"tools/list": `"result":{"tools":[{"name":"a_x"},{"name":"b_y"}]}`,
		"tools/call": `"result":{"content":[{"type":"text","text":"grö"},{"type":"text","text":"ße"}]}`,
	})
	m, err := c.OpenMCP(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if tools, err := m.Tools(ctx); err != nil || !slices.Equal(tools, []string{"a_x", "b_y"}) {
		t.Errorf("tools %q, %v", tools, err)
	}
	if text, err := m.Call(ctx, "a_x", nil); err != nil || text != "größe" {
		t.Errorf("answer %q, %v", text, err)
	}
}

func TestMCPFailures(t *testing.T) {
	ctx := t.Context()
	c := mcpServer(t, map[string]string{
		"initialize": `"result":{}`,
		"tools/list": `"error":{"code":1,"message":"not today"}`,
		"tools/call": `"result":{"isError":true,"content":[{"type":"text","text":"broken"}]}`,
	})
	m, err := c.OpenMCP(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Tools(ctx); err == nil || !strings.Contains(err.Error(), "not today") {
		t.Errorf("got %v", err)
	}
	if _, err := m.Call(ctx, "x", nil); err == nil || !strings.Contains(err.Error(), "tool x: broken") {
		t.Errorf("got %v", err)
	}
	stranger := Client{URL: c.URL}
	if _, err := stranger.OpenMCP(ctx); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a session without a key: %v", err)
	}

	// A server that never answers is left when the context ends.
	silent := mcpServer(t, nil)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := silent.OpenMCP(ended); err == nil {
		t.Error("no error although the context has ended")
	}
}

func TestSetMCPServers(t *testing.T) {
	s := serve(t, "/update_mcp_server", `{"detail":"done","router_error_log":""}`)
	if err := s.SetMCPServers(t.Context(), MCPServer{Name: "a", Command: "uvx", Args: []string{"b"}}); err != nil {
		t.Fatal(err)
	}
	if got, want := string(s.body), `[{"name":"a","command":"uvx","args":["b"],"env":null}]`; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
	s = serve(t, "/update_mcp_server", `{"router_error_log":"no such program"}`)
	if err := s.SetMCPServers(t.Context()); err == nil || !strings.Contains(err.Error(), "no such program") {
		t.Errorf("got %v", err)
	}
}
