package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// maxAnswer is how much is read of what a server says, in bytes.
const maxAnswer = 1 << 20

// getLimit is how long a server may take for what it knows.
const getLimit = 5 * time.Second

// request is one question to a server.
type request struct {
	method, path string
	kind         string // of body; empty: there is none
	body         []byte
	limit        time.Duration
}

// get asks the server once.
func (s *Server) get(ctx context.Context, path string) ([]byte, error) {
	return s.ask(ctx, request{method: http.MethodGet, path: path, limit: getLimit})
}

// post sends a value as JSON and reads the answer into another one.
func (s *Server) post(ctx context.Context, path string, sent, answer any, limit time.Duration) error {
	body, err := json.Marshal(sent)
	if err != nil {
		return err
	}
	text, err := s.ask(ctx, request{http.MethodPost, path, "application/json", body, limit})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("reading the answer to %s: %w", path, err)
	}
	return nil
}

// ask sends a request and returns the answer. Any status but one of success is an
// error, that of a redirection too.
func (s *Server) ask(ctx context.Context, r request) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.limit, fmt.Errorf("%s is not answered within %s", r.path, r.limit))
	defer cancel()
	made, err := http.NewRequestWithContext(ctx, r.method, s.Address+r.path, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	if r.kind != "" {
		made.Header.Set("Content-Type", r.kind)
	}
	if s.Key != "" {
		made.Header.Set(payload.KeyHeader, s.Key)
	}
	response, err := direct().Do(made)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case response.StatusCode/100 != 2:
		const most = 200
		return nil, fmt.Errorf("%s %s: %s: %q", r.method, r.path, response.Status, text[:min(most, len(text))])
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	return text, nil
}

// direct is not the default client: a proxy of the environment is not for servers
// in containers, and where one of them redirects to is its choice.
func direct() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
