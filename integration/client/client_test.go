package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// server answers one path with a fixed answer and keeps the last request.
type server struct {
	*Client
	request *http.Request
	body    []byte
}

func serve(t *testing.T, target, answer string) *server {
	t.Helper()
	s := &server{}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.request = r
		s.body, _ = io.ReadAll(r.Body)
		if r.URL.Path != target {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, answer)
	}))
	t.Cleanup(web.Close)
	s.Client = &Client{URL: web.URL, Key: "secret"}
	return s
}

func TestAlive(t *testing.T) {
	for answer, want := range map[string]bool{`{"status":"ok"}`: true, `{"status":"not initialized"}`: false} {
		got, err := serve(t, "/alive", answer).Alive(context.Background())
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", answer, got, err)
		}
	}
}

func TestRun(t *testing.T) {
	s := serve(t, "/execute_action", `{"observation":"run","content":"ü\n","success":true,"extras":{"command":"x","metadata":
		{"exit_code":3,"pid":7,"username":"openhands","hostname":"h","working_dir":"/workspace","py_interpreter_path":"/p","prefix":"","suffix":"\n[done]"}}}`)
	got, err := s.Run(context.Background(), Command{Line: "echo ü", Timeout: 90 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(CommandResult{"ü\n", 3, "openhands", "/workspace", "/p", "[done]", false}, got); diff != "" {
		t.Error(diff)
	}
	var sent map[string]map[string]any
	if err := json.Unmarshal(s.body, &sent); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"action": "run", "timeout": 90.0,
		"args": map[string]any{"command": "echo ü", "is_input": false, "blocking": true},
	}
	if diff := cmp.Diff(want, sent["action"]); diff != "" {
		t.Error(diff)
	}
	if key := s.request.Header.Get("X-Session-API-Key"); key != "secret" {
		t.Errorf("key %q", key)
	}
}

func TestActionError(t *testing.T) {
	s := serve(t, "/execute_action", `{"observation":"error","content":"File not found: /x","extras":{}}`)
	_, err := s.Read(context.Background(), "/x")
	var failed *ActionError
	if !errors.As(err, &failed) || failed.Content != "File not found: /x" {
		t.Errorf("got %v", err)
	}
}

func TestBrowse(t *testing.T) {
	s := serve(t, "/execute_action", `{"observation":"browse","content":"hello","extras":{"url":"http://h/","screenshot":"data:image/png;base64,cG5n","screenshot_path":"/w/a.png","error":false}}`)
	got, err := s.Browse(context.Background(), `goto("http://h/")`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Page{"hello", "http://h/", []byte("png"), "/w/a.png"}, got); diff != "" {
		t.Error(diff)
	}
	s = serve(t, "/execute_action", `{"observation":"browse","content":"","extras":{"error":true,"last_browser_action_error":"no route"}}`)
	if _, err := s.Browse(context.Background(), ""); err == nil || err.Error() != "browse_interactive: no route" {
		t.Errorf("got %v", err)
	}
}

func TestUpload(t *testing.T) {
	s := serve(t, "/upload_file", `{}`)
	if err := s.Upload(context.Background(), "/tmp/a/b.whl", []byte("data")); err != nil {
		t.Fatal(err)
	}
	if got := s.request.URL.Query().Get("destination"); got != "/tmp/a" {
		t.Errorf("destination %q", got)
	}
	if err := serve(t, "/elsewhere", `{}`).Upload(context.Background(), "/b", nil); err == nil {
		t.Error("no error for status 404")
	}
}

// TestRunAgain has a server that loses the first answer and gives it in place
// of the next one.
func TestRunAgain(t *testing.T) {
	answers := []string{
		`{"observation":"run","content":"","extras":{"metadata":{"exit_code":0,"prefix":"[Previous command outputs are truncated. Showing the last 1 lines of the output below.]\n"}}}`,
		`{"observation":"run","content":"one","extras":{"metadata":{"exit_code":0}}}`,
		`{"observation":"run","content":"in-step-0","extras":{"metadata":{"exit_code":0}}}`,
		`{"observation":"run","content":"one","extras":{"metadata":{"exit_code":0}}}`,
	}
	next := 0
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, answers[next])
		next++
	}))
	defer web.Close()
	c := Client{URL: web.URL}
	got, err := c.RunAgain(context.Background(), Command{Line: "echo one"})
	if err != nil || got.Output != "one" || next != len(answers) {
		t.Errorf("%+v, %v after %d requests", got, err, next)
	}
}
