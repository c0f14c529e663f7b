package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Limits of what a server is asked to do.
const (
	commandLimit = time.Minute
	pageLimit    = 3 * time.Minute // a browser starts
)

// driver has a server do what its clients have it do.
type driver interface {
	// command runs one in a shell and returns what it wrote.
	command(ctx context.Context, line string, limit time.Duration) (string, error)
	write(ctx context.Context, file, text string) error
	read(ctx context.Context, file string) (string, error)
	// page opens a page that is served inside the container, and returns its text.
	page(ctx context.Context) (string, error)
	// editor returns the path, with its query, at which VS Code is to be found.
	editor(ctx context.Context) (string, error)
}

func (s *Server) driver() driver {
	if s.Profile == payload.AgentServer {
		return agentServer{s}
	}
	return actionServer{s}
}

// exited is the error of a command that ended with a status.
func exited(status int, output string) error {
	if status == 0 {
		return nil
	}
	return fmt.Errorf("exit status %d: %s", status, cmp.Or(strings.TrimSpace(output), "it wrote nothing"))
}

// cutOff is the status that servers tell of a command that has not ended in time.
const cutOff = -1

// agentServer is the interface of the agent server
// (agent_server/bash_router.py, file_router.py and vscode_router.py of
// openhands-agent-server 1.58.2).
type agentServer struct{ *Server }

func (s agentServer) command(ctx context.Context, line string, limit time.Duration) (string, error) {
	var answer struct {
		Status *int   `json:"exit_code"`
		Out    string `json:"stdout"`
		Err    string `json:"stderr"`
	}
	sent := map[string]any{"command": line, "timeout": int(limit.Seconds())}
	if err := s.post(ctx, "/api/bash/execute_bash_command", sent, &answer, limit+getLimit); err != nil {
		return "", err
	}
	if answer.Status == nil || *answer.Status == cutOff {
		return "", fmt.Errorf("no end after %s", limit)
	}
	return answer.Out, exited(*answer.Status, answer.Err+answer.Out)
}

func (s agentServer) write(ctx context.Context, file, text string) error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", path.Base(file))
	if err == nil {
		_, err = part.Write([]byte(text))
	}
	if err := errors.Join(err, form.Close()); err != nil {
		return err
	}
	_, err = s.ask(ctx, request{http.MethodPost, "/api/file/upload?" + url.Values{"path": {file}}.Encode(), form.FormDataContentType(), body.Bytes(), commandLimit})
	return err
}

func (s agentServer) read(ctx context.Context, file string) (string, error) {
	text, err := s.ask(ctx, request{method: http.MethodGet, path: "/api/file/download?" + url.Values{"path": {file}}.Encode(), limit: commandLimit})
	return string(text), err
}

func (s agentServer) page(ctx context.Context) (string, error) {
	if err := s.write(ctx, pageFile, pageProgram); err != nil {
		return "", err
	}
	return s.command(ctx, strings.Join([]string{
		payload.Interpreter, pageFile, payload.Bin + "/oh-chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom",
	}, " "), pageLimit)
}

func (s agentServer) editor(ctx context.Context) (string, error) {
	const base = "http://editor"
	text, err := s.get(ctx, "/api/vscode/url?"+url.Values{"base_url": {base}, "workspace_dir": {payload.Workspace}}.Encode())
	if err != nil {
		return "", err
	}
	var answer struct{ URL string }
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", fmt.Errorf("reading the address of VS Code: %w", err)
	}
	where, ok := strings.CutPrefix(answer.URL, base)
	if !ok || !strings.HasPrefix(where, "/") {
		return "", fmt.Errorf("the server tells %q for the address of VS Code", answer.URL)
	}
	return where, nil
}

// actionServer is the interface of the action execution server
// (runtime/action_execution_server.py of openhands-ai 1.6.0).
type actionServer struct{ *Server }

// observation is the answer to an action.
type observation struct {
	Kind    string `json:"observation"`
	Content string
	Extras  struct {
		Metadata struct {
			Status int `json:"exit_code"`
		}
		Failed bool   `json:"error"`
		Why    string `json:"last_browser_action_error"`
	}
}

func (s actionServer) act(ctx context.Context, action string, args map[string]any, limit time.Duration) (o observation, err error) {
	sent := map[string]any{"action": map[string]any{"action": action, "args": args, "timeout": limit.Seconds()}}
	if err := s.post(ctx, "/execute_action", sent, &o, limit+getLimit); err != nil {
		return o, err
	}
	if o.Kind == "error" {
		return o, errors.New(cmp.Or(o.Content, "the server tells no reason"))
	}
	return o, nil
}

func (s actionServer) command(ctx context.Context, line string, limit time.Duration) (string, error) {
	o, err := s.act(ctx, "run", map[string]any{"command": line, "blocking": true}, limit)
	if err != nil {
		return "", err
	}
	if o.Extras.Metadata.Status == cutOff {
		return "", fmt.Errorf("no end after %s", limit)
	}
	return o.Content, exited(o.Extras.Metadata.Status, o.Content)
}

func (s actionServer) write(ctx context.Context, file, text string) error {
	_, err := s.act(ctx, "write", map[string]any{"path": file, "content": text}, commandLimit)
	return err
}

func (s actionServer) read(ctx context.Context, file string) (string, error) {
	o, err := s.act(ctx, "read", map[string]any{"path": file}, commandLimit)
	return o.Content, err
}

func (s actionServer) page(ctx context.Context) (string, error) {
	if err := s.write(ctx, pageFile, pageProgram); err != nil {
		return "", err
	}
	line := fmt.Sprintf("(%s %s >%[2]s.address 2>&1 &) ; until grep -qs / %[2]s.address; do sleep 0.1; done; cat %[2]s.address", payload.Interpreter, pageFile)
	address, err := s.command(ctx, line, commandLimit)
	if err != nil {
		return "", err
	}
	o, err := s.act(ctx, "browse_interactive", map[string]any{"browser_actions": fmt.Sprintf("goto(%q)", strings.TrimSpace(address))}, pageLimit)
	if err == nil && o.Extras.Failed {
		err = errors.New(cmp.Or(o.Extras.Why, "the browser tells no reason"))
	}
	return o.Content, err
}

func (s actionServer) editor(ctx context.Context) (string, error) {
	text, err := s.get(ctx, "/vscode/connection_token")
	if err != nil {
		return "", err
	}
	var answer struct{ Token string }
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", fmt.Errorf("reading the token of VS Code: %w", err)
	}
	if answer.Token == "" {
		return "", errors.New("the server has no token of VS Code")
	}
	return "/?" + url.Values{"tkn": {answer.Token}, "folder": {payload.Workspace}}.Encode(), nil
}
