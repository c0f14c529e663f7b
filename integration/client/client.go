// Package client speaks the HTTP interface of OpenHands' action execution
// server: it sends actions and reads observations, as OpenHands itself does
// with a sandbox.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// Client is one server.
type Client struct {
	URL  string       // for example http://127.0.0.1:8000
	Key  string       // SESSION_API_KEY of the server; empty where it has none
	HTTP *http.Client // nil means http.DefaultClient
}

// Alive reports whether the server has finished its start. A server that
// answers but is still busy is not alive and no error.
func (c *Client) Alive(ctx context.Context) (bool, error) {
	var answer struct{ Status string }
	if err := c.call(ctx, http.MethodGet, "/alive", "", nil, &answer); err != nil {
		return false, err
	}
	return answer.Status == "ok", nil
}

// ServerInfo is what a server tells about itself; times are in seconds.
type ServerInfo struct {
	Uptime    float64         `json:"uptime"`
	IdleTime  float64         `json:"idle_time"`
	Resources json.RawMessage `json:"resources"`
}

// ServerInfo asks how long the server has been up and what it uses.
func (c *Client) ServerInfo(ctx context.Context) (ServerInfo, error) {
	var info ServerInfo
	err := c.call(ctx, http.MethodGet, "/server_info", "", nil, &info)
	return info, err
}

// VSCodeToken asks for what the VS Code server wants to be shown; it is empty
// where there is no such server.
func (c *Client) VSCodeToken(ctx context.Context) (string, error) {
	var answer struct{ Token string }
	err := c.call(ctx, http.MethodGet, "/vscode/connection_token", "", nil, &answer)
	return answer.Token, err
}

// ListFiles returns the names in a folder of the sandbox, folders first and
// with a final slash. A folder that does not exist is empty.
func (c *Client) ListFiles(ctx context.Context, dir string) ([]string, error) {
	var names []string
	err := c.post(ctx, "/list_files", map[string]string{"path": dir}, &names)
	return names, err
}

// Upload writes a file of the sandbox. Its folder is made where it is missing;
// the file belongs to the server's user.
func (c *Client) Upload(ctx context.Context, file string, content []byte) error {
	return c.upload(ctx, url.Values{"destination": {path.Dir(file)}}, path.Base(file), content)
}

func (c *Client) upload(ctx context.Context, query url.Values, name string, content []byte) error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		return err
	}
	if _, err := part.Write(content); err != nil {
		return err
	}
	if err := form.Close(); err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, "/upload_file?"+query.Encode(), form.FormDataContentType(), &body, nil)
}

// address is that of a target on the server.
func (c *Client) address(target string) string { return strings.TrimSuffix(c.URL, "/") + target }

func (c *Client) http() *http.Client {
	if c.HTTP == nil {
		return http.DefaultClient
	}
	return c.HTTP
}

func (c *Client) post(ctx context.Context, target string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encoding the request for %s: %w", target, err)
	}
	return c.call(ctx, http.MethodPost, target, "application/json", bytes.NewReader(body), answer)
}

// call makes one request and decodes the JSON answer, unless answer is nil.
func (c *Client) call(ctx context.Context, method, target, contentType string, body io.Reader, answer any) error {
	data, err := c.exchange(ctx, method, target, contentType, body)
	if err != nil || answer == nil {
		return err
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("decoding the answer of %s: %w", target, err)
	}
	return nil
}

// exchange makes one request and returns the body of the answer.
func (c *Client) exchange(ctx context.Context, method, target, contentType string, body io.Reader) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.address(target), body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if c.Key != "" {
		request.Header.Set("X-Session-API-Key", c.Key)
	}
	response, err := c.http().Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", target, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %s: %s", method, target, response.Status, bytes.TrimSpace(data))
	}
	return data, nil
}
