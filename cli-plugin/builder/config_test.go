package builder

import (
	"testing"
	"time"

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

func TestChanges(t *testing.T) {
	have := map[string]string{payload.LabelDepsDigest: "d", payload.LabelBaseDigest: "b", payload.LabelBaseName: "n", payload.LabelSetup: "s"}
	origin := map[string]string{payload.LabelDepsDigest: "d", payload.LabelBaseDigest: "b"}
	planned := map[string]string{payload.LabelBaseName: "n", payload.LabelSetup: "s"}
	if got := changes(have, planned, origin); got != nil {
		t.Errorf("nothing changed, but %q", got)
	}
	origin[payload.LabelBaseDigest], planned[payload.LabelSetup] = "", "t"
	if diff := cmp.Diff([]string{"base image", "user, layer order or extra dependencies"}, changes(have, planned, origin)); diff != "" {
		t.Error(diff)
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
