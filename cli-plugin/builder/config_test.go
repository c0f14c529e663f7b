package builder

import (
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/image"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestEnviron(t *testing.T) {
	for name, test := range map[string]struct{ base, want []string }{
		"none":              {nil, []string{"PATH=" + payload.Path(""), "LANG=C.UTF-8"}},
		"place is kept":     {[]string{"LANG=de_DE", "X=1", "PATH=/a"}, []string{"LANG=C.UTF-8", "X=1", "PATH=" + payload.Path("/a")}},
		"similar names":     {[]string{"PATHS=1", "LANGUAGE=2", "PATH=/a"}, []string{"PATHS=1", "LANGUAGE=2", "PATH=" + payload.Path("/a"), "LANG=C.UTF-8"}},
		"name without sign": {[]string{"PATH", "LANG"}, []string{"PATH", "LANG", "PATH=" + payload.Path(""), "LANG=C.UTF-8"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, environ(test.base, []payload.Var{{Name: "LANG", Value: "C.UTF-8"}})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLayerHistory(t *testing.T) {
	now := time.Unix(1, 0)
	own := []ocispec.History{{CreatedBy: "a"}, {CreatedBy: "env", EmptyLayer: true}, {CreatedBy: "b"}}
	s := stratum{diffIDs: []digest.Digest{"sha256:1", "sha256:2"}, history: own, origin: "made up"}
	if diff := cmp.Diff(own, s.layerHistory(now)); diff != "" {
		t.Error(diff)
	}
	s.history = own[:2] // fewer than there are layers
	want := []ocispec.History{{Created: &now, CreatedBy: "made up"}, {Created: &now, CreatedBy: "made up"}}
	if diff := cmp.Diff(want, s.layerHistory(now)); diff != "" {
		t.Error(diff)
	}
}

func TestInputsDiffer(t *testing.T) {
	in := inputs{
		plan: plan.Runtime{Base: "n", Labels: map[string]string{
			payload.LabelPlatform: "linux/amd64", payload.LabelSetup: "s", payload.LabelUser: "openhands", payload.LabelExtraDeps: "e",
		}},
		deps: &image.InspectResponse{ID: "sha256:d"},
		base: &image.InspectResponse{ID: "sha256:b", RepoDigests: []string{"n@sha256:registry"}},
	}
	same := func() map[string]string {
		return map[string]string{
			payload.LabelDepsDigest: "sha256:d", payload.LabelBaseDigest: "sha256:b", payload.LabelBaseName: "n",
			payload.LabelSetup: "s", payload.LabelUser: "openhands", payload.LabelExtraDeps: "e",
		}
	}
	for name, test := range map[string]struct {
		change func(have map[string]string)
		want   []string
	}{
		"nothing": {func(map[string]string) {}, nil},
		"another engine": {func(have map[string]string) {
			have[payload.LabelBaseDigest] = "x"
			have[labelOCIBaseDigest] = "sha256:registry"
		}, nil},
		"base":      {func(have map[string]string) { have[payload.LabelBaseDigest] = "sha256:0123456789abcdef" }, []string{"base (sha256:b, was sha256:0123456789ab)"}},
		"reference": {func(have map[string]string) { have[payload.LabelBaseName] = "m" }, []string{"base reference (n, was m)"}},
		"payload":   {func(have map[string]string) { have[payload.LabelDepsDigest] = "sha256:e" }, []string{"payload (sha256:d, was sha256:e)"}},
		"user": {func(have map[string]string) { have[payload.LabelSetup] = "t"; have[payload.LabelUser] = "agent:7" },
			[]string{"user (openhands, was agent:7)"}},
		"extra dependencies": {func(have map[string]string) { have[payload.LabelSetup] = "t"; have[payload.LabelExtraDeps] = "" },
			[]string{"command for extra dependencies"}},
		"the rest":  {func(have map[string]string) { have[payload.LabelSetup] = "t" }, []string{"choice of sudo, layer order or library path"}},
		"no labels": {func(have map[string]string) { clear(have) }, []string{"payload", "base reference", "choice of sudo, layer order or library path"}},
	} {
		have := same()
		test.change(have)
		if diff := cmp.Diff(test.want, in.differs(have, "linux/amd64")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if diff := cmp.Diff([]string{"platform (linux/amd64, was linux/arm64)"}, in.differs(same(), "linux/arm64")); diff != "" {
		t.Error(diff)
	}
	in.base = nil
	if diff := cmp.Diff([]string{"base"}, in.differs(same(), "linux/amd64")); diff != "" {
		t.Errorf("scratch: %s", diff)
	}
}

func TestCreated(t *testing.T) {
	at := func(text string) *image.InspectResponse { return &image.InspectResponse{Created: text} }
	for name, test := range map[string]struct {
		images []*image.InspectResponse
		want   int64
	}{
		"the first":    {[]*image.InspectResponse{at("1970-01-01T00:00:05.9+00:00"), at("1970-01-01T00:00:07Z")}, 5},
		"scratch":      {[]*image.InspectResponse{nil, at("1970-01-01T00:00:07Z")}, 7},
		"not told":     {[]*image.InspectResponse{at(""), at("0001-01-01T00:00:00Z"), at("1970-01-01T01:00:07+01:00")}, 7},
		"nowhere told": {[]*image.InspectResponse{at("")}, 0},
	} {
		if got := created(test.images...).Unix(); got != test.want {
			t.Errorf("%s: got %d, want %d", name, got, test.want)
		}
	}
}
