package engine

import (
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Layers have the names of components where the image says so for just so many.
func TestNameComponents(t *testing.T) {
	own := payload.LayerOrigin + "oh_deps_v1_x"
	for name, test := range map[string]struct {
		kind, label string
		created     []string
		want        string
	}{
		"payload":                  {payload.KindDeps, "python,libs,manifest", []string{"COPY", "COPY", "COPY"}, "python libs manifest"},
		"payload in one layer":     {payload.KindDeps, "", []string{"COPY"}, "-"},
		"payload first":            {payload.KindRuntime, "python,manifest", []string{own, own, "ADD base", "docker openhands: set up"}, "python manifest - -"},
		"base first, built upon":   {payload.KindRuntime, "python,manifest", []string{"ADD base", own, own, "RUN make"}, "- python manifest -"},
		"payload in one, over it":  {payload.KindRuntime, "python,manifest", []string{own, "ADD base"}, "- -"},
		"of before there was such": {payload.KindRuntime, "", []string{own, own}, "- -"},
		"nothing":                  {payload.KindRuntime, "python", nil, ""},
	} {
		var layers []Layer
		for _, by := range test.created {
			layers = append(layers, Layer{CreatedBy: by})
		}
		nameComponents(layers, payload.Labels{Kind: test.kind, Layers: test.label})
		var got []string
		for _, l := range layers {
			if l.Component == "" {
				l.Component = "-"
			}
			got = append(got, l.Component)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
