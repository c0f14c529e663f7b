package builder

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// An image that cannot be made hides none of the others, wherever they go.
func TestFailureHidesNoOther(t *testing.T) {
	for name, out := range map[string]*Output{"engine": nil, "registry": {Push: true, Compression: image.Gzip}} {
		t.Run(name, func(t *testing.T) {
			r, s := newTestRegistry(t), newFakeStore(t, false)
			_, whole := r.publication(t, s)
			good := whole.Runtimes[0]
			missing, twice, conflicting := good, good, good
			missing.Base, missing.Image = r.Host+"/lib/none:1", good.Image+"-missing"
			twice.Image = good.Image + "-twice"
			conflicting.Base, conflicting.Image = r.Host+"/lib/own:1", good.Image+"-conflicting"
			conflicting.LayerOrder = "payload-first"
			r.put(t, s, conflicting.Base, nil, []string{"etc/", "etc/passwd=root:x:0:0:root:/root:/bin/sh\n", "openhands/", "openhands/own=1"})
			whole.Runtimes = append(whole.Runtimes[:0:0], missing, good, conflicting, twice)
			b := publishing(s.engine(), Output{})
			b.Output, b.Pull = out, PullNever
			var log strings.Builder
			b.Log = &log
			results, err := b.Build(t.Context(), whole)
			var p *problem.Error
			if !errors.As(err, &p) || p.Code != problem.NotFound || !strings.Contains(p.Summary, "2 of 4 images") || !strings.Contains(p.Summary, "(OH-012)") {
				t.Errorf("it ends with %v", err)
			}
			if len(results) != 5 {
				t.Fatalf("%d results of 5: %+v", len(results), results)
			}
			for i, want := range []problem.Code{"", problem.NotFound, "", problem.BaseConflict, ""} {
				got := results[i]
				if failed := got.Failure != nil; failed != (want != "") || failed && got.Failure.Code != want || failed != (got.ID == "") {
					t.Errorf("result %d is %+v", i, got)
				}
			}
			if text, err := json.Marshal(results[1]); err != nil || !strings.Contains(string(text), `"error":{"code":"OH-003","message":"the base image `) {
				t.Errorf("%v: %s", err, text)
			}
			for _, ref := range []string{good.Image, twice.Image} {
				if out == nil {
					if _, ok := s.Infos[ref]; !ok {
						t.Errorf("%s is not there\n%s", ref, &log)
					}
				} else if _, err := r.Image(t, ref); err != nil {
					t.Errorf("%s: %v", ref, err)
				}
			}
			for _, told := range []string{"going on without the image over " + missing.Base + ": OH-003: ", "going on without the image over " + conflicting.Base + ": OH-012: "} {
				if !strings.Contains(log.String(), told) {
					t.Errorf("%q is not told in\n%s", told, &log)
				}
			}

			// Where none can be made, nothing is: the payload is not built.
			whole.Runtimes = append(whole.Runtimes[:0:0], missing, missing)
			delete(s.Infos, whole.Deps.Image)
			if results, err := b.Build(t.Context(), whole); len(results) > 0 || !errors.As(err, &p) || !strings.Contains(p.Summary, "2 of 2") {
				t.Errorf("%d results, %v", len(results), err)
			}
		})
	}
}
