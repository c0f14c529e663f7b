package builder

import (
	"errors"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/util/progress/progressui"
)

// Who takes an image of ours for a base is told what was meant.
func TestBaseOfOurs(t *testing.T) {
	for next, labels := range map[string]map[string]string{
		"made over: alpine:1": {payload.LabelKind: payload.KindRuntime, payload.LabelBaseName: "alpine:1"},
		// A cure that named the base again would lead in a circle.
		"name back: 'docker pull ours:1', or 'docker tag sha256:1 ours:1'": {payload.LabelKind: payload.KindRuntime, payload.LabelBaseName: "ours:1", payload.LabelBaseDigest: "sha256:1"},
		"--deps-image": {payload.LabelKind: payload.KindDeps},
	} {
		s := newFakeStore(t, false)
		s.Infos["ours:1"] = s.Infos[s.put(t, v1.ConfigFile{Config: v1.Config{Labels: labels}}, baseLayers...).ID]
		_, err := local{(&Builder{Engine: s.engine()}).native()}.base(t.Context(), "ours:1")
		var p *problem.Error
		if !errors.As(err, &p) || p.Code != problem.BaseConflict || !strings.Contains(p.Next, next) {
			t.Errorf("%v: %v, want %q", labels, err, next)
		}
	}
}

// What this program says of images is shown and not obeyed.
func TestLogIsNotObeyed(t *testing.T) {
	var log strings.Builder
	b := &Builder{Log: &log, Progress: progressui.PlainMode}
	b.Logf("pulling %s", "\x1b]0;OWNED\a\nFORGED")
	if got, want := log.String(), `pulling \x1b]0;OWNED\x07`; !strings.HasPrefix(got, want) || strings.Contains(got, "\nFORGED") {
		t.Errorf("%q", got)
	}
}
