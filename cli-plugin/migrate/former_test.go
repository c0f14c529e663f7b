package migrate

import (
	"context"
	"errors"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
	"github.com/docker-openhands/docker-openhands/cli-plugin/traditional"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// place has images by their names.
type place map[string]*image.Image

func (p place) Local(_ context.Context, ref string) (*image.Image, error) { return p[ref], nil }

func (p place) Find(_ context.Context, ref string) (*image.Image, error) {
	if found := p[ref]; found != nil {
		return found, nil
	}
	return nil, errors.New("there is no " + ref)
}

func TestFindFormer(t *testing.T) {
	ours := &image.Image{}
	ours.Config.Config.Labels = map[string]string{payload.LabelKind: payload.KindRuntime}
	versioned := func(version, base string) string { return "repo:" + tag.Versioned(version, base) }
	images := place{
		"named":                            {Names: []string{"named:latest", versioned("0.60.0", "debian_t_12")}},
		"hashed":                           {Names: []string{"repo:oh_v0.61.0_0123456789abcdef_fedcba9876543210"}},
		"ours":                             ours,
		versioned("0.60.0", "alpine:3.20"): {},
		versioned("0.61.0", "alpine:3.20"): {},
		versioned("0.59.0", traditional.DefaultBase): {},
	}
	known := []string{"0.59.0", "0.60.0", "0.61.0", "0.62.0"}
	for name, test := range map[string]struct {
		wanted wanted
		want   formerImage // without its image
		found  bool
		code   problem.Code // of the error
	}{
		"nothing is chosen":         {wanted{}, formerImage{Ref: versioned("0.59.0", traditional.DefaultBase), Version: "0.59.0", Base: traditional.DefaultBase, BaseFrom: "default of OpenHands"}, true, ""},
		"the newest over a base":    {wanted{Base: "alpine:3.20", BaseFrom: "flag"}, formerImage{Ref: versioned("0.61.0", "alpine:3.20"), Version: "0.61.0", Base: "alpine:3.20", BaseFrom: "flag"}, true, ""},
		"a version":                 {wanted{Base: "alpine:3.20", Version: "0.60.0"}, formerImage{Ref: versioned("0.60.0", "alpine:3.20"), Version: "0.60.0", Base: "alpine:3.20"}, true, ""},
		"a version that is missing": {wanted{Base: "alpine:3.20", Version: "0.62.0"}, formerImage{Base: "alpine:3.20"}, false, ""},
		"a base without an image":   {wanted{Base: "busybox", BaseFrom: "flag"}, formerImage{Base: "busybox", BaseFrom: "flag"}, false, ""},
		"an image":                  {wanted{Image: "named"}, formerImage{Ref: "named", Version: "0.60.0", Base: "debian:12", BaseFrom: "tag of named"}, true, ""},
		"an image and its base":     {wanted{Image: "hashed", Base: "debian:12", BaseFrom: "flag"}, formerImage{Ref: "hashed", Version: "0.61.0", Base: "debian:12", BaseFrom: "flag"}, true, ""},
		"an image that tells none":  {wanted{Image: "hashed"}, formerImage{}, true, problem.Usage},
		"an image of ours":          {wanted{Image: "ours"}, formerImage{}, true, problem.NotMigrated},
		"an image that is missing":  {wanted{Image: "none"}, formerImage{}, false, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			test.wanted.Repository, test.wanted.Known = "repo", known
			got, err := findFormer(t.Context(), images, test.wanted)
			if test.code != "" {
				var p *problem.Error
				if err == nil || errors.As(err, &p) && p.Code != test.code {
					t.Errorf("got %v, want %s", err, test.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if (got.Image != nil) != test.found {
				t.Errorf("an image is found: %v", got.Image)
			}
			if got.Image = nil; got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestMeasure(t *testing.T) {
	trial := trial{
		Ref: "new", New: &image.Image{Size: 1000}, Payload: &image.Image{Size: 700}, NewStartSeconds: 2,
		NewBuilt: making{Seconds: 1}, PayloadBuilt: making{Seconds: 60},
	}
	old, now := trial.measure()
	if want := (Measured{"new", 1000, 300, 2, 61, "60.0 s of it for the payload, which all bases share"}); old != nil || *now != want {
		t.Errorf("without an old image: %+v and %+v, want %+v", old, now, want)
	}
	trial.PayloadBuilt.Reused = true
	trial.Old, trial.OldStartSeconds = formerImage{Image: &image.Image{Size: 2000}, Ref: "old"}, 9
	old, now = trial.measure()
	if want := (Measured{"old", 2000, 2000, 9, 0, "its layers do not tell"}); *old != want {
		t.Errorf("old: %+v, want %+v", old, want)
	}
	if want := (Measured{"new", 1000, 300, 2, 1, "the payload was there already"}); *now != want {
		t.Errorf("with a payload: %+v, want %+v", now, want)
	}
	trial.NewBuilt.Reused, trial.Base, trial.OldBuildSeconds = true, &image.Image{Size: 100}, 300
	old, now = trial.measure()
	if want := (Measured{"old", 2000, 1900, 9, 300, "at least: from its first layer to its last"}); *old != want {
		t.Errorf("old over a base: %+v, want %+v", old, want)
	}
	if want := (Measured{"new", 1000, 200, 2, 0, "it was there already"}); *now != want {
		t.Errorf("reused: %+v, want %+v", now, want)
	}
}
