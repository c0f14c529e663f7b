package client

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// printed is the observation of a command that printed output.
func printed(output string, status int) string {
	text, _ := json.Marshal(output)
	return fmt.Sprintf(`{"observation":"run","content":%s,"extras":{"metadata":{"exit_code":%d}}}`, text, status)
}

func TestGit(t *testing.T) {
	ctx := t.Context()
	s := serve(t, "/execute_action", printed(`[{"status": "M", "path": "a b"}]`, 0))
	changes, err := s.GitChanges(ctx, "/workspace/p")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]GitChange{{"M", "a b"}}, changes); diff != "" {
		t.Error(diff)
	}
	var sent struct{ Action struct{ Args map[string]any } }
	if err := json.Unmarshal(s.body, &sent); err != nil {
		t.Fatal(err)
	}
	if args := sent.Action.Args; args["is_static"] != true || args["cwd"] != "/workspace/p" {
		t.Errorf("arguments %v", args)
	}

	s = serve(t, "/execute_action", printed(`{"modified": "b", "original": "a"}`, 0))
	if diff, err := s.GitDiff(ctx, "/w", "it's"); err != nil || diff != (GitDiff{Modified: "b", Original: "a"}) {
		t.Errorf("%+v, %v", diff, err)
	}
	if !strings.Contains(string(s.body), `git_diff.py 'it'\"'\"'s'`) {
		t.Errorf("sent %s", s.body)
	}

	for answer, want := range map[string]string{
		printed(`{"error": "no git"}`, 0):  "no git",
		printed("python3: not found", 127): "exit status 127: python3: not found",
		printed("nonsense", 0):             `"nonsense"`,
	} {
		s := serve(t, "/execute_action", answer)
		if _, err := s.GitChanges(ctx, "/w"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
