package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// MCPServer is a program that speaks the Model Context Protocol over its
// standard input and output. The sandbox starts it.
type MCPServer struct {
	Name    string            `json:"name"`
	Command string            `json:"command"`
	Args    []string          `json:"args"`
	Env     map[string]string `json:"env"`
}

// SetMCPServers tells the sandbox which servers to offer from now on.
func (c *Client) SetMCPServers(ctx context.Context, servers ...MCPServer) error {
	var answer struct {
		Errors string `json:"router_error_log"`
	}
	if err := c.post(ctx, "/update_mcp_server", servers, &answer); err != nil {
		return err
	}
	if answer.Errors != "" {
		return fmt.Errorf("the sandbox's MCP servers: %s", answer.Errors)
	}
	return nil
}

// MCP is a session with all of the sandbox's MCP servers, through the one that
// the sandbox itself is. It speaks the protocol's revision 2024-11-05, whose
// transport is a stream of server-sent events for answers. A session is for one
// caller at a time.
type MCP struct {
	client   *Client
	stream   io.Closer
	lines    *bufio.Scanner
	endpoint string // where requests go, with the session's ID
	last     int    // ID of the last request
}

// maxMCPMessage is the size in bytes of the longest message that is read.
const maxMCPMessage = 16 << 20

// OpenMCP begins a session. It lives until Close, or until the context of any
// of its calls ends.
func (c *Client) OpenMCP(ctx context.Context) (*MCP, error) {
	// The stream outlives this call.
	request, err := c.newMCPRequest(context.WithoutCancel(ctx), http.MethodGet, c.address("/mcp/sse"), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "text/event-stream")
	response, err := c.http().Do(request)
	if err != nil {
		return nil, fmt.Errorf("opening an MCP session: %w", err)
	}
	m := &MCP{client: c, stream: response.Body, lines: bufio.NewScanner(response.Body)}
	m.lines.Buffer(nil, maxMCPMessage)
	if response.StatusCode != http.StatusOK {
		m.Close()
		return nil, fmt.Errorf("opening an MCP session: %s", response.Status)
	}
	if err := m.initialize(ctx); err != nil {
		m.Close()
		return nil, fmt.Errorf("opening an MCP session: %w", err)
	}
	return m, nil
}

// Close ends the session.
func (m *MCP) Close() error { return m.stream.Close() }

func (m *MCP) initialize(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { m.stream.Close() })()
	event, data, err := m.event()
	if err != nil {
		return err
	}
	if event != "endpoint" {
		return fmt.Errorf("the stream begins with an event %q, not with the endpoint", event)
	}
	base, err := url.Parse(m.client.address("/mcp/sse"))
	if err != nil {
		return err
	}
	endpoint, err := base.Parse(data)
	if err != nil {
		return fmt.Errorf("the endpoint: %w", err)
	}
	m.endpoint = endpoint.String()
	hello := map[string]any{
		"protocolVersion": "2024-11-05",
		"capabilities":    struct{}{},
		"clientInfo":      map[string]string{"name": "openhands", "version": "0"},
	}
	if err := m.call(ctx, "initialize", hello, nil); err != nil {
		return err
	}
	return m.send(ctx, map[string]any{"jsonrpc": "2.0", "method": "notifications/initialized"})
}

// Tools lists the names of all tools. With several servers a tool's name begins
// with its server's, as in server_tool.
func (m *MCP) Tools(ctx context.Context) ([]string, error) {
	var result struct{ Tools []struct{ Name string } }
	if err := m.call(ctx, "tools/list", struct{}{}, &result); err != nil {
		return nil, err
	}
	var names []string
	for _, tool := range result.Tools {
		names = append(names, tool.Name)
	}
	return names, nil
}

// Call uses a tool and returns the text that it answers with.
func (m *MCP) Call(ctx context.Context, tool string, arguments any) (string, error) {
	var result struct {
		Content []struct{ Type, Text string }
		IsError bool
	}
	if err := m.call(ctx, "tools/call", map[string]any{"name": tool, "arguments": arguments}, &result); err != nil {
		return "", err
	}
	var text strings.Builder
	for _, part := range result.Content {
		text.WriteString(part.Text)
	}
	if result.IsError {
		return "", fmt.Errorf("tool %s: %s", tool, text.String())
	}
	return text.String(), nil
}

// call makes one request of JSON-RPC 2.0 and waits for its answer.
func (m *MCP) call(ctx context.Context, method string, params, result any) error {
	defer context.AfterFunc(ctx, func() { m.stream.Close() })()
	m.last++
	if err := m.send(ctx, map[string]any{"jsonrpc": "2.0", "id": m.last, "method": method, "params": params}); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	for {
		_, data, err := m.event()
		if err != nil {
			return fmt.Errorf("waiting for the answer to %s: %w", method, errors.Join(err, context.Cause(ctx)))
		}
		var answer struct {
			ID     json.RawMessage
			Method string // of what the server asks for
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal([]byte(data), &answer); err != nil {
			return fmt.Errorf("decoding an answer to %s: %w", method, err)
		}
		switch {
		case answer.Method != "" && answer.ID != nil:
			if err := m.refuse(ctx, answer.ID); err != nil {
				return fmt.Errorf("refusing the server's %s: %w", answer.Method, err)
			}
		case string(answer.ID) != strconv.Itoa(m.last): // a notification
		case answer.Error != nil:
			return fmt.Errorf("%s: %s", method, answer.Error.Message)
		case result == nil:
			return nil
		default:
			return json.Unmarshal(answer.Result, result)
		}
	}
}

// refuse answers a request of the server, which waits for it: some ask for the
// folders that they may use.
func (m *MCP) refuse(ctx context.Context, id json.RawMessage) error {
	const methodNotFound = -32601
	return m.send(ctx, map[string]any{"jsonrpc": "2.0", "id": id, "error": map[string]any{"code": methodNotFound, "message": "not supported"}})
}

func (m *MCP) send(ctx context.Context, message any) error {
	body, err := json.Marshal(message)
	if err != nil {
		return err
	}
	request, err := m.client.newMCPRequest(ctx, http.MethodPost, m.endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := m.client.http().Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		text, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s: %s", response.Status, bytes.TrimSpace(text))
	}
	return nil
}

// event reads the next server-sent event that has data.
func (m *MCP) event() (kind, data string, err error) {
	for m.lines.Scan() {
		line := m.lines.Text()
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && data != "":
			return kind, strings.TrimSuffix(data, "\n"), nil
		case field == "event":
			kind = value
		case field == "data":
			data += value + "\n"
		}
	}
	if err := m.lines.Err(); err != nil {
		return "", "", err
	}
	return "", "", io.ErrUnexpectedEOF
}

// newMCPRequest makes a request with the headers that OpenHands sends to a
// sandbox with a key.
func (c *Client) newMCPRequest(ctx context.Context, method, address string, body io.Reader) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, body)
	if err == nil && c.Key != "" {
		request.Header.Set("Authorization", "Bearer "+c.Key)
		request.Header.Set("X-Session-API-Key", c.Key)
	}
	return request, err
}
