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
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
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
