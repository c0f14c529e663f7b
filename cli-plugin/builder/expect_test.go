package builder

import (
	"io"
	"testing"

	"github.com/moby/buildkit/util/progress/progressui"
)

// What a build is expected to do is what it then does, and what it took is
// remembered for the next one.
func TestExpect(t *testing.T) {
	s, r := newFakeStore(t, false), newTestRegistry(t)
	_, whole := r.publication(t, s)
	whole.Deps.Server = "agent-server"
	b := &Builder{Engine: s.engine(), CLI: bareCLI{}, Log: io.Discard, Progress: progressui.PlainMode, Pull: PullNever}
	expect := func() (payload, image Expected) {
		t.Helper()
		expected, err := b.Expect(t.Context(), whole)
		if err != nil || len(expected) != 2 {
			t.Fatalf("%v, %v", expected, err)
		}
		return expected[0], expected[1]
	}
	payload, image := expect()
	if payload.Kind != KindDeps || !payload.Exists || image.Kind != KindRuntime || image.Exists || !image.BaseExists || image.Seconds != 0 {
		t.Errorf("before: %+v and %+v", payload, image)
	}
	results, err := b.Build(t.Context(), whole)
	if err != nil {
		t.Fatal(err)
	}
	if _, image = expect(); !image.Exists || image.Platform != "linux/amd64" || image.Server != "agent-server" {
		t.Errorf("after: %+v", image)
	}
	b.ForceRebuild = true
	if payload, image = expect(); payload.Exists || image.Exists || image.Seconds != results[1].Seconds {
		t.Errorf("made anew: %+v and %+v, and it took %f s before", payload, image, results[1].Seconds)
	}
	whole.Runtimes[0].Base = "none:1"
	if _, image = expect(); image.BaseExists {
		t.Errorf("over a base that is not there: %+v", image)
	}
}
