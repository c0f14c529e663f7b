package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
)

// forBoth returns the plans for both architectures.
func forBoth(t *testing.T, o Options) (amd64, arm64 Plan) {
	t.Helper()
	o.Arch = "amd64"
	amd64 = mustPlan(t, o, inputs())
	o.Arch = "arm64"
	return amd64, mustPlan(t, o, inputs())
}

// An index has names of its own, which cover the payloads of all platforms, and
// changes no other name.
func TestJoin(t *testing.T) {
	o := options()
	o.Bases, o.Tags = []string{"alpine:3.20", Scratch}, []string{"{repo}:{base}-{deps}"}
	amd64, arm64 := forBoth(t, o)
	joined, err := Join(o, []Plan{arm64, amd64})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Join(o, []Plan{amd64, arm64}); err != nil || cmp.Diff(joined, again) != "" {
		t.Errorf("in another order: %v %s", err, cmp.Diff(joined, again))
	}
	if diff := cmp.Diff([]Part{{amd64.Deps, amd64.Runtimes}, {arm64.Deps, arm64.Runtimes}}, joined.Platforms); diff != "" {
		t.Error(diff)
	}
	if got := joined.Platform(); got != "linux/amd64,linux/arm64" {
		t.Errorf("for %s", got)
	}
	hash, ok := tag.HashOf(joined.Deps.Tag)
	if !ok || joined.Deps.Tag == amd64.Deps.Tag || joined.Deps.Tag == arm64.Deps.Tag || joined.Deps.Image != o.Repository+":"+joined.Deps.Tag {
		t.Errorf("the payload is %s with the tag %s", joined.Deps.Image, joined.Deps.Tag)
	}
	for i, r := range joined.Runtimes {
		if !strings.HasSuffix(r.Image, "_"+hash) || !slices.Equal(r.Tags, []string{o.Repository + ":" + tag.Base(o.Bases[i]) + "-" + hash}) {
			t.Errorf("the image over %s is %s, %q", r.Base, r.Image, r.Tags)
		}
		if r.Labels[payload.LabelSetup] != amd64.Runtimes[i].Labels[payload.LabelSetup] {
			t.Errorf("over %s there is another set-up", r.Base)
		}
	}
	other := inputs()
	other.Helpers["oh-init"] = []byte("another")
	o.Arch = "arm64"
	if changed, err := Join(o, []Plan{amd64, mustPlan(t, o, other)}); err != nil || changed.Deps.Tag == joined.Deps.Tag {
		t.Errorf("another payload of one platform: %v, %s", err, changed.Deps.Tag)
	}
}

func TestJoinRefusesPayloadsOfTwoReleases(t *testing.T) {
	o := options()
	amd64, arm64 := forBoth(t, o)
	arm64.Deps.Version = "0.61.0"
	if _, err := Join(o, []Plan{amd64, arm64}); err == nil || !strings.Contains(err.Error(), "0.61.0 for linux/arm64") {
		t.Errorf("joined: %v", err)
	}
}
