package builder

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
)

// parts are the parts of each step that a builder's rawjson tells, by the first
// word of the step, and their bytes.
func parts(t *testing.T, log *bytes.Buffer) map[string]map[string]int64 {
	t.Helper()
	names, all := map[string]string{}, map[string]map[string]int64{}
	for line := range strings.Lines(log.String()) {
		var status client.SolveStatus
		if err := json.Unmarshal([]byte(line), &status); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		for _, v := range status.Vertexes {
			doing, _, _ := strings.Cut(v.Name, " ")
			names[v.Digest.String()] = doing
			if all[doing] == nil {
				all[doing] = map[string]int64{}
			}
		}
		for _, s := range status.Statuses {
			all[names[s.Vertex.String()]][s.ID] = s.Current
		}
	}
	return all
}

// Layers go by the names of what they hold, and each of their bytes is counted.
func TestPartsOfSteps(t *testing.T) {
	forBothStores(t, func(t *testing.T, s *fakeStore) {
		r := newTestRegistry(t)
		base, whole := r.publication(t, s)
		whole.Deps.Layers = []string{"python", "manifest"}
		var log bytes.Buffer
		b := publishing(s.engine(), Output{Push: true, Compression: image.Gzip})
		b.Log, b.Progress = &log, progressui.RawJSONMode
		if _, err := b.Build(t.Context(), whole); err != nil {
			t.Fatal(err)
		}
		all := parts(t, &log)
		var sent int64
		for name, bytes := range all["pushing"] {
			if sent += bytes; bytes == 0 {
				t.Errorf("nothing of %s is sent", name)
			}
		}
		for _, name := range []string{"python", "manifest", base + ", layer 1 of 3"} {
			if all["pushing"][name] == 0 || all["compressing"][name] == 0 {
				t.Errorf("there is no %s in %v", name, all)
			}
		}
		if uploaded := r.Uploaded.Load(); sent == 0 || sent > uploaded || uploaded-sent > 5000 { // configurations are no layers
			t.Errorf("%d bytes are shown, %d were uploaded", sent, uploaded)
		}
		if all["compressing"]["read"] == 0 {
			t.Errorf("nothing is read: %v", all["compressing"])
		}
	})
}
