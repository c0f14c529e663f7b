package buildx

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/docker-openhands/docker-openhands/cli-plugin/progress"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	"github.com/opencontainers/go-digest"
)

// What a step prints, and what it is called, is shown and not obeyed.
func TestProgressIsNotObeyed(t *testing.T) {
	const hostile = "\x1b]0;OWNED\a\x1b[2J\u202e\u009b"
	now, id := time.Unix(1, 0), digest.FromString("x")
	status, err := json.Marshal(client.SolveStatus{
		Vertexes: []*client.Vertex{{Digest: id, Name: "RUN " + hostile, Started: &now, Completed: &now, Error: "failed " + hostile}},
		Statuses: []*client.VertexStatus{{ID: "extracting " + hostile, Vertex: id, Started: &now, Timestamp: now, Total: 2, Current: 2, Completed: &now}},
		Logs:     []*client.VertexLog{{Vertex: id, Stream: 1, Data: []byte("\x1b[31mred\x1b[0m " + hostile + "\r\n50%\r100%\n"), Timestamp: now}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	b := &Client{View: progress.New(&log, progressui.PlainMode)}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	b.show(strings.NewReader(string(status) + "\n"))
	if strings.ContainsFunc(log.String(), func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r)
	}) {
		t.Errorf("%q", log.String())
	}
	for _, shown := range []string{`RUN \x1b]0;`, `failed \x1b]0;`, `red \x1b]0;OWNED\x07\x1b[2J\u202e\u009b`, "100%"} {
		if !strings.Contains(log.String(), shown) {
			t.Errorf("%s is not shown in\n%s", shown, log.String())
		}
	}
}
