// Package agentserver speaks the HTTP interface of OpenHands' agent server, as
// OpenHands' SDK does, and stands in for the language model that an agent in it
// asks.
package agentserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// Client is one server.
type Client struct {
	URL string // for example http://127.0.0.1:8000
	Key string // session key; empty where it has none
}

// Healthy reports whether the server has finished its start.
func (c *Client) Healthy(ctx context.Context) bool {
	return c.call(ctx, http.MethodGet, "/health", nil, nil) == nil
}

// ServerInfo is part of what a server tells about itself.
type ServerInfo struct {
	Version string   `json:"version"`
	Tools   []string `json:"usable_tools"`
}

// ServerInfo asks for the server's version and tools.
func (c *Client) ServerInfo(ctx context.Context) (ServerInfo, error) {
	var info ServerInfo
	err := c.call(ctx, http.MethodGet, "/server_info", nil, &info)
	return info, err
}

// Output is what became of a command.
type Output struct {
	ExitCode int    `json:"exit_code"`
	Stdout   string `json:"stdout"`
	Stderr   string `json:"stderr"`
}

// Bash runs a command outside of any conversation.
func (c *Client) Bash(ctx context.Context, command string) (Output, error) {
	var out Output
	err := c.call(ctx, http.MethodPost, "/api/bash/execute_bash_command", map[string]any{"command": command, "timeout": 60}, &out)
	return out, err
}

// conversationLimit is how long an agent may take for a handful of actions.
const conversationLimit = 5 * time.Minute

// Converse gives an agent with the named tools a task and waits until it has
// finished. The agent does what the model at the given address says.
func (c *Client) Converse(ctx context.Context, model string, tools ...string) error {
	named := []map[string]string{}
	for _, tool := range tools {
		named = append(named, map[string]string{"name": tool})
	}
	request := map[string]any{
		"agent": map[string]any{
			"kind":  "Agent",
			"llm":   map[string]any{"model": "openai/stand-in", "base_url": model, "api_key": "none", "num_retries": 0},
			"tools": named,
		},
		"workspace":       map[string]any{"kind": "LocalWorkspace", "working_dir": "/workspace/project"},
		"initial_message": map[string]any{"role": "user", "content": []any{map[string]string{"type": "text", "text": "Do it."}}, "run": true},
	}
	var conversation struct {
		ID     string `json:"id"`
		Status string `json:"execution_status"`
	}
	if err := c.call(ctx, http.MethodPost, "/api/conversations", request, &conversation); err != nil {
		return err
	}
	path := "/api/conversations/" + conversation.ID
	var failed error
	err := lab.WaitFor(ctx, conversationLimit, "the conversation", func(ctx context.Context) bool {
		failed = c.call(ctx, http.MethodGet, path, nil, &conversation)
		return failed == nil && (conversation.Status == "finished" || conversation.Status == "error" || conversation.Status == "stuck")
	})
	if err != nil {
		return fmt.Errorf("%w; status %q, %w", err, conversation.Status, failed)
	}
	if conversation.Status != "finished" {
		return fmt.Errorf("the conversation ended with status %q", conversation.Status)
	}
	return nil
}

// call sends a request with the body in JSON and reads the answer into answer,
// unless that is nil. Any status but one of success is an error.
func (c *Client) call(ctx context.Context, method, path string, body, answer any) error {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.URL+path, sent)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if c.Key != "" {
		request.Header.Set("X-Session-API-Key", c.Key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, text)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("%s %s: %w in %q", method, path, err, text)
	}
	return nil
}
