package builder

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/moby/buildkit/util/progress/progressui"
	apiimage "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
)

// pullingStore pulls what it is offered, and else fails.
type pullingStore struct {
	*fakeStore
	offered map[string]apiimage.InspectResponse
	failure string
}

func (s pullingStore) ImagePull(_ context.Context, ref string, _ client.ImagePullOptions) (client.ImagePullResponse, error) {
	info, ok := s.offered[ref]
	if !ok {
		return nil, errors.New(s.failure)
	}
	s.Infos[ref] = info
	return pullStream{text: strings.NewReader(`{"status":"Downloaded"}`)}, nil
}

type pullStream struct {
	client.ImagePullResponse
	text io.Reader
}

func (s pullStream) Read(p []byte) (int, error) { return s.text.Read(p) }
func (s pullStream) Close() error               { return nil }

// What this machine cannot get from a registry, the engine may: it has
// authorities, mirrors and proxies of its own.
func TestBaseThroughEngine(t *testing.T) {
	s := newFakeStore(t, false)
	_, whole := newTestRegistry(t).publication(t, s)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS() // of an authority that this machine does not know
	t.Cleanup(server.Close)
	base := strings.TrimPrefix(server.URL, "https://") + "/lib/base:1"
	there := map[string]apiimage.InspectResponse{base: s.Infos[whole.Runtimes[0].Base]}
	whole.Runtimes[0].Base = base
	const refusal = "manifest for x/base:1 not found: manifest unknown"
	absent := engine.NoEngine("amd64", problem.New(problem.NoEngine, "none", nil, ""))
	for name, test := range map[string]struct {
		engine *engine.Engine
		want   problem.Code // empty: it goes well
		says   string
	}{
		"with it":           {&engine.Engine{API: pullingStore{s, there, ""}, Arch: "amd64"}, "", ""},
		"not with it":       {&engine.Engine{API: pullingStore{s, nil, refusal}, Arch: "amd64"}, problem.NotFound, refusal},
		"there is none":     {absent, problem.BadCertificate, "this machine does not trust"},
		"nothing is pulled": {&engine.Engine{API: pullingStore{s, there, ""}, Arch: "amd64"}, problem.NotFound, "nothing is to be pulled"},
	} {
		t.Run(name, func(t *testing.T) {
			delete(s.Infos, base)
			b := publishing(test.engine, Output{Format: image.FormatOCI, Compression: image.Gzip, File: filepath.Join(t.TempDir(), "app.tar")})
			if name == "nothing is pulled" {
				b.Pull = PullNever
			}
			results, err := b.Build(t.Context(), whole)
			var p *problem.Error
			switch {
			case test.want == "":
				if err != nil || len(results) != 2 {
					t.Errorf("%v: %+v", err, results)
				}
			case !errors.As(err, &p) || p.Code != test.want || !strings.Contains(err.Error(), test.says):
				t.Errorf("got %v, want %s: %s", err, test.want, test.says)
			}
		})
	}
}

// Nobody is asked for an image of ours but the repositories that the user named.
// Credentials that cannot be had make each question heard.
func TestWhoIsAsked(t *testing.T) {
	for name, test := range map[string]struct {
		repository string
		pull       PullPolicy
		asked      bool
	}{
		"the default repository":                {plan.DefaultRepository, PullMissing, false},
		"the default one where nothing is said": {plan.DefaultRepository, "", false},
		"the default one, always":               {plan.DefaultRepository, PullAlways, true},
		"one that the user named":               {"registry.invalid/team/runtime", PullMissing, true},
		"one that the user named, never":        {"registry.invalid/team/runtime", PullNever, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("XDG_CACHE_HOME", t.TempDir())
			s := newFakeStore(t, false)
			_, whole := newTestRegistry(t).publication(t, s)
			whole.Deps.Image = test.repository + ":" + testTag
			whole.Runtimes[0].Image = test.repository + ":oh_v1"
			for what, out := range map[string]*Output{"": nil, "an archive ": {Format: image.FormatOCI, Compression: image.Gzip, File: filepath.Join(t.TempDir(), "app.tar")}} {
				var said strings.Builder
				b := &Builder{Engine: s.engine(), CLI: brokenCLI{}, Log: &said, Progress: progressui.PlainMode, Pull: test.pull, Offline: true, Output: out}
				var p *problem.Error
				if _, err := b.Build(t.Context(), whole); !errors.As(err, &p) || p.Code != problem.NotFound {
					t.Errorf("%swithout a payload it ends with %v", what, err)
				}
				if asked := strings.Contains(said.String(), "cannot be had"); asked != test.asked {
					t.Errorf("%sa registry is asked: %v, want %v\n%s", what, asked, test.asked, &said)
				}
			}
		})
	}
}

// A push leaves the registry of a base alone that the engine has, unless it is
// the one that images go to.
func TestRegistryOfBase(t *testing.T) {
	for name, same := range map[string]bool{"another": false, "the same": true} {
		t.Run(name, func(t *testing.T) {
			from, s := newTestRegistry(t), newFakeStore(t, false)
			base, whole := from.publication(t, s)
			from.upload(t, s, base)
			to := from
			if !same {
				to = newTestRegistry(t)
			}
			whole.Runtimes[0].Image = to.Host + "/me/app:1"
			whole.Deps.Repository = to.Host + "/me/payload"
			asked := map[string]int{}
			from.Watch(from.Counting("/lib/base/", asked))
			if _, err := publishing(s.engine(), Output{Push: true, Compression: image.Gzip}).Build(t.Context(), whole); err != nil {
				t.Fatal(err)
			}
			if (len(asked) > 0) != same {
				t.Errorf("the base's registry is asked for %v", asked)
			}
		})
	}
}
