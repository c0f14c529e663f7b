package builder

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/moby/moby/client"
)

// A registry that takes requests and then says nothing ends the command.
func TestSilentRegistry(t *testing.T) {
	none := engine.NoEngine("amd64", problem.New(problem.NoEngine, "none", nil, ""))
	push, file := Output{Push: true, Compression: image.Gzip}, Output{Format: image.FormatOCI, Compression: image.Gzip}
	for name, test := range map[string]struct {
		out      Output
		noEngine bool
		silent   func(*http.Request) bool
	}{
		"manifest": {file, true, func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/lib/base/manifests/") }},
		"layer": {file, true, func(r *http.Request) bool {
			return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/lib/base/blobs/")
		}},
		"known layer": {push, false, func(r *http.Request) bool {
			return r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/blobs/")
		}},
		"upload": {push, false, func(r *http.Request) bool { return r.Method == http.MethodPatch }},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := newTestRegistry(t), newFakeStore(t, false)
			base, whole := r.publication(t, s)
			e := s.engine()
			if test.noEngine {
				r.upload(t, s, base)
				r.upload(t, s, whole.Deps.Image)
				e = none
			}
			if name == "known layer" {
				if _, err := publishing(e, push).Build(t.Context(), whole); err != nil {
					t.Fatal(err)
				}
				whole.Runtimes[0].Image += "-2"
				whole.Runtimes[0].User = "agent"
			}
			r.Answer(r.Silenced(t, test.silent))
			t.Setenv("OH_PULL_SILENCE", "500ms")
			test.out.File = filepath.Join(t.TempDir(), "app.tar")
			_, err := publishing(e, test.out).Build(t.Context(), whole)
			var p *problem.Error
			if !errors.As(err, &p) || p.Code != problem.RegistryFailed || !strings.Contains(err.Error(), "nothing was heard of it for 500ms") {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}

// silentEngine waits for a registry.
type silentEngine struct{ client.APIClient }

func (silentEngine) DistributionInspect(ctx context.Context, _ string, _ client.DistributionInspectOptions) (client.DistributionInspectResult, error) {
	<-ctx.Done()
	return client.DistributionInspectResult{}, ctx.Err()
}

func TestSilentRegistryBehindEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		b := &Builder{Engine: &engine.Engine{API: silentEngine{}}, CLI: bareCLI{}, Log: &said}
		if there, err := b.fromRegistry(t.Context(), "h:1/x:1", false); there || err != nil || !strings.Contains(said.String(), "nothing was heard of it for 1m0s") {
			t.Errorf("%v, %v: %s", there, err, &said)
		}
	})
}
