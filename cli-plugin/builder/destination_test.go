package builder

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/buildx/buildxtest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker/cli/cli/command"
	"github.com/moby/moby/client"
)

// idleEngine fails a test that has it do something.
type idleEngine struct {
	*fakeStore
	t *testing.T
}

func (e idleEngine) ImageSave(context.Context, []string, ...client.ImageSaveOption) (client.ImageSaveResult, error) {
	e.t.Error("the engine is asked for layers")
	return nil, errors.New("refused")
}

func (e idleEngine) ImagePull(context.Context, string, client.ImagePullOptions) (client.ImagePullResponse, error) {
	e.t.Error("something is pulled")
	return nil, errors.New("refused")
}

// Before anything is made for a push, its destination is asked.
func TestDestinationIsAskedFirst(t *testing.T) {
	refusing := func(status int, body string) func(store http.Handler) http.Handler {
		return func(store http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
				if request.Method == http.MethodPost {
					w.WriteHeader(status)
					_, _ = w.Write([]byte(body))
					return
				}
				store.ServeHTTP(w, request)
			})
		}
	}
	foreign := httptest.NewUnstartedServer(http.NotFoundHandler())
	foreign.Config.ErrorLog = log.New(io.Discard, "", 0)
	foreign.StartTLS() // of an authority that this machine does not know
	t.Cleanup(foreign.Close)
	for name, test := range map[string]struct {
		host  string // empty: a registry that answers with store
		store func(http.Handler) http.Handler
		cli   command.Cli
		want  problem.Code
		says  string
	}{
		"nobody is there":      {host: "127.0.0.1:1", want: problem.RegistryFailed, says: "connection refused"},
		"no such host":         {host: "registry.invalid", want: problem.RegistryFailed, says: "registry.invalid"},
		"it refuses this user": {store: refusing(http.StatusForbidden, `{"errors":[{"code":"DENIED"}]}`), want: problem.RegistryDenied},
		"no token": {store: func(store http.Handler) http.Handler {
			return withTokens(store, func(scope string) int {
				if strings.Contains(scope, "push") {
					return http.StatusUnauthorized
				}
				return http.StatusOK
			})
		}, want: problem.RegistryDenied},
		"it has no space":      {store: refusing(http.StatusInsufficientStorage, ""), want: problem.DiskFull},
		"it limits requests":   {store: refusing(http.StatusTooManyRequests, ""), want: problem.RegistryLimit},
		"an unknown authority": {host: strings.TrimPrefix(foreign.URL, "https://"), want: problem.BadCertificate},
		"no credentials":       {cli: brokenCLI{}, want: problem.RegistryDenied, says: "credHelpers"},
		"it says nothing at all": {store: func(store http.Handler) http.Handler {
			return http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) { <-request.Context().Done() })
		}, want: problem.RegistryFailed, says: "nothing was heard of it for 500ms"},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := newTestRegistry(t), newFakeStore(t, false)
			_, whole := r.publication(t, s)
			if test.store != nil {
				r.Answer(test.store(r.Answers()))
				t.Setenv("OH_PULL_SILENCE", "500ms")
			}
			host := test.host
			if host == "" {
				host = r.Host
			}
			// The payload is missing, so that stage 1 would be built, and each
			// destination is asked, not only the first.
			delete(s.Infos, whole.Deps.Image)
			other := newTestRegistry(t)
			whole.Runtimes[0].Tags = []string{other.Host + "/me/app:1", host + "/me/app:1"}
			e := s.engine()
			e.API = idleEngine{s, t}
			b := publishing(e, Output{Push: true, Compression: image.Gzip})
			b.CLI = buildxtest.NewStandIn(t, `echo "ERROR: something is built" >&2; exit 1`)
			if test.cli != nil { // of no use for either
				b.CLI, host = test.cli, other.Host
			}
			var said strings.Builder
			b.Log = &said
			start := time.Now()
			_, err := b.Build(t.Context(), whole)
			var p *problem.Error
			if !errors.As(err, &p) || p.Code != test.want || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), host) {
				t.Errorf("it ends with %v, want %s with %q about %s", err, test.want, test.says, host)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
			if said.Len() > 0 {
				t.Errorf("it said %q", &said)
			}
		})
	}
}

// What the check begins in a registry it takes back, and a push goes on.
func TestCheckedDestination(t *testing.T) {
	r, s := newTestRegistry(t), newFakeStore(t, false)
	_, whole := r.publication(t, s)
	taken := make(chan string, 10)
	store := r.Answers()
	r.Answer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Method == http.MethodDelete {
			taken <- request.URL.Path
		}
		store.ServeHTTP(w, request)
	}))
	b := publishing(s.engine(), Output{Push: true, Compression: image.Gzip})
	if err := b.CheckDestination(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	if path := <-taken; !strings.HasPrefix(path, "/v2/team/runtime/blobs/uploads/") {
		t.Errorf("%s is taken back", path)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.CheckDestination(ctx, whole); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted, it ends with %v", err)
	}
	b.Output = nil
	b.CLI = brokenCLI{}
	if err := b.CheckDestination(t.Context(), whole); err != nil {
		t.Errorf("the engine as destination: %v", err)
	}
}

// The payload goes to the repository of payloads, which is said before it does,
// and the next image, of whichever machine, finds it there.
func TestRepositoryOfPayloads(t *testing.T) {
	r, s := newTestRegistry(t), newFakeStore(t, false)
	base, whole := r.publication(t, s)
	r.upload(t, s, base)
	whole.Deps.Repository = r.Host + "/payloads"
	s.Infos[whole.Deps.Repository+":"+testTag] = s.Infos[whole.Deps.Image]
	whole.Deps.Image = whole.Deps.Repository + ":" + testTag
	var said heard
	r.Watch(func(request *http.Request) {
		if request.Method == http.MethodPatch && !said.has("the payload goes to "+whole.Deps.Image+",") {
			t.Errorf("bytes go to %s before the place is told:\n%s", request.URL, said.all())
		}
	})
	push := Output{Push: true, Compression: image.Gzip}
	b := publishing(s.engine(), push)
	b.Log = &said
	results, err := b.Build(t.Context(), whole)
	if err != nil || !slices.Equal(results[0].References, []string{whole.Deps.Image}) {
		t.Fatalf("%v: %+v", err, results)
	}
	if _, err := r.Image(t, r.Host+"/team/runtime:"+testTag); err == nil {
		t.Error("the payload is in the repository of the image as well")
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // another machine
	whole.Runtimes[0].Image = r.Host + "/others/runtime:oh_v1"
	none := engine.NoEngine("amd64", problem.New(problem.NoEngine, "none", nil, ""))
	if results, err = publishing(none, push).Build(t.Context(), whole); err != nil || !results[0].Reused {
		t.Errorf("the next: %v: %+v", err, results)
	}
	// One that was chosen by name goes there, too.
	whole.Deps.Given, whole.Deps.Repository = true, r.Host+"/mirror"
	if results, err = publishing(none, push).Build(t.Context(), whole); err != nil || !slices.Equal(results[0].References, []string{r.Host + "/mirror:" + testTag}) {
		t.Errorf("chosen by name: %v: %+v", err, results)
	}
}

// heard is a log that goes on while somebody looks at it.
type heard struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *heard) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *heard) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *heard) has(text string) bool { return strings.Contains(l.all(), text) }
