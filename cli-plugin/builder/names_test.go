package builder

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/traditional"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// A name is taken from no image that is not ours, and from ours not in silence.
// It is refused before anything is done.
func TestNamesOfOthers(t *testing.T) {
	const taken = "team/app:1"
	for what, test := range map[string]struct {
		labels  map[string]string
		refused bool
		told    string
	}{
		"somebody's image":            {labels: map[string]string{"own": "yes"}, refused: true},
		"a payload":                   {labels: map[string]string{payload.LabelKind: payload.KindDeps}, refused: true},
		"the image of another base":   {labels: map[string]string{payload.LabelKind: payload.KindRuntime, payload.LabelBaseName: "debian:12"}, told: "goes over from the image over debian:12"},
		"an image of the old builder": {labels: map[string]string{traditional.LabelExtraDeps: ""}, told: "goes over from an image of the traditional mode"},
	} {
		for where, out := range map[string]*Output{"engine": nil, "registry": {Push: true, Compression: image.Gzip}} {
			t.Run(what+" in the "+where, func(t *testing.T) {
				r, s := newTestRegistry(t), newFakeStore(t, false)
				_, whole := r.publication(t, s)
				name := r.Host + "/" + taken
				r.put(t, s, name, test.labels, []string{"etc/"})
				if out != nil {
					r.upload(t, s, name)
					delete(s.Infos, name)
				}
				whole.Runtimes[0].Tags = []string{name}
				b := publishing(s.engine(), Output{})
				b.Output, b.Pull = out, PullNever
				var log strings.Builder
				b.Log = &log
				before := len(s.Infos)
				checked := b.Check(t.Context(), whole)
				if test.told != "" && !strings.Contains(log.String(), "the name "+name+" "+test.told) {
					t.Errorf("a check says %q", &log)
				}
				log.Reset()
				_, err := b.Build(t.Context(), whole)
				if (checked == nil) != (err == nil) || err != nil && checked.Error() != err.Error() {
					t.Errorf("a check ends with %v, the build with %v", checked, err)
				}
				if !test.refused {
					if err != nil || !strings.Contains(log.String(), "the name "+name+" "+test.told) {
						t.Errorf("%v\n%s", err, &log)
					}
					return
				}
				var p *problem.Error
				if !errors.As(err, &p) || p.Code != problem.NameTaken || !strings.Contains(p.Next, "another --tag") {
					t.Fatalf("it ends with %v", err)
				}
				if log.Len() > 0 || len(s.Infos) != before {
					t.Errorf("something was done before: %d images, then %d\n%s", before, len(s.Infos), &log)
				}
			})
		}
	}
}

// The same build again hands a name on to itself: nothing is worth a word.
func TestNameOfTheSameImage(t *testing.T) {
	r, s := newTestRegistry(t), newFakeStore(t, false)
	_, whole := r.publication(t, s)
	whole.Runtimes[0].Tags = []string{"team/app:1"}
	whole.Runtimes[0].Labels = maps.Clone(whole.Runtimes[0].Labels)
	for range 2 {
		var log strings.Builder
		b := publishing(s.engine(), Output{})
		b.Output, b.Pull, b.Log = nil, PullNever, &log
		if _, err := b.Build(t.Context(), whole); err != nil || strings.Contains(log.String(), "goes over") {
			t.Errorf("%v\n%s", err, &log)
		}
	}
}
