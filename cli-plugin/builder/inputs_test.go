package builder

import (
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/fingerprint"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
)

func TestInputsDiffer(t *testing.T) {
	mark, err := fingerprint.New("e")
	if err != nil {
		t.Fatal(err)
	}
	other, err := fingerprint.New("f")
	if err != nil {
		t.Fatal(err)
	}
	in := inputs{
		plan: plan.Runtime{Base: "n", ExtraDeps: "e", Labels: map[string]string{
			payload.LabelPlatform: "linux/amd64", payload.LabelSetup: "s", payload.LabelUser: "openhands",
		}},
		deps: &image.Image{ID: "sha256:d"},
		base: &image.Image{ID: "sha256:b", Digests: []string{"n@sha256:registry"}},
	}
	same := func() map[string]string {
		return map[string]string{
			payload.LabelDepsDigest: "sha256:d", payload.LabelBaseDigest: "sha256:b", payload.LabelBaseName: "n",
			payload.LabelSetup: "s", payload.LabelUser: "openhands", payload.LabelExtraDeps: mark,
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
		"extra dependencies": {func(have map[string]string) { have[payload.LabelExtraDeps] = other },
			[]string{"command for extra dependencies"}},
		"no extra dependencies": {func(have map[string]string) { have[payload.LabelSetup] = "t"; have[payload.LabelExtraDeps] = "" },
			[]string{"command for extra dependencies"}},
		"the rest":  {func(have map[string]string) { have[payload.LabelSetup] = "t" }, []string{"choice of sudo, layer order or library path"}},
		"no labels": {func(have map[string]string) { clear(have) }, []string{"payload", "base reference", "command for extra dependencies"}},
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
