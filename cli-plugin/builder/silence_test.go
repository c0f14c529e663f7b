package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/moby/moby/client"
)

func TestWatchdog(t *testing.T) {
	dog := newWatchdog(t.Context(), time.Hour)
	fmt.Fprint(dog, "alive")
	if dog.Err() != nil {
		t.Error(dog.Err())
	}
	dog.stop()
	if err := dog.reason(dog.Err()); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	dog = newWatchdog(t.Context(), time.Millisecond)
	defer dog.stop()
	<-dog.Done()
	var silent *silentError
	if err := dog.reason(dog.Err()); !errors.As(err, &silent) {
		t.Errorf("ended by %v", err)
	}
}

func TestPullPatience(t *testing.T) {
	for text, want := range map[string]time.Duration{"": patience, "2s": 2 * time.Second, "-1s": 0, "2": 0, "x": 0} {
		t.Setenv(patienceVariable, text)
		if got, err := pullPatience(); got != want || (err != nil) != (want == 0) {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
}

// A registry that takes requests and then says nothing ends the command.
func TestSilentRegistry(t *testing.T) {
	none := NoEngine("amd64", problem.New(problem.NoEngine, "none", nil, ""))
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
		"sighting": {push, false, func(r *http.Request) bool {
			return r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/blobs/")
		}},
		"upload": {push, false, func(r *http.Request) bool { return r.Method == http.MethodPatch }},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := newTestRegistry(t), newFakeStore(t, false)
			base, whole := r.publication(t, s)
			engine := s.engine()
			if test.noEngine {
				r.upload(t, s, base)
				r.upload(t, s, whole.Deps.Image)
				engine = none
			}
			if name == "sighting" {
				if _, err := publishing(engine, push).Build(t.Context(), whole); err != nil {
					t.Fatal(err)
				}
				whole.Runtimes[0].Image += "-2"
				whole.Runtimes[0].User = "agent"
			}
			r.store = r.silenced(t, test.silent)
			t.Setenv(patienceVariable, "500ms")
			test.out.File = filepath.Join(t.TempDir(), "app.tar")
			_, err := publishing(engine, test.out).Build(t.Context(), whole)
			var p *problem.Error
			var silent *silentError
			if !errors.As(err, &p) || p.Code != problem.RegistryFailed || !errors.As(err, &silent) {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}

// silenced answers as before, but for requests of which it sends no more than
// the first half of the answer.
func (r *testRegistry) silenced(t *testing.T, silent func(*http.Request) bool) http.Handler {
	answers, over := r.store, make(chan struct{})
	t.Cleanup(func() { close(over) })
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if !silent(request) {
			answers.ServeHTTP(w, request)
			return
		}
		if request.Method == http.MethodGet {
			whole := httptest.NewRecorder()
			answers.ServeHTTP(whole, request)
			w.Header().Set("Content-Length", strconv.Itoa(whole.Body.Len()))
			_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2]) // the other side may be gone
			_ = http.NewResponseController(w).Flush()
		}
		<-over
	})
}

// roundTrip is a transport of its own.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// Only the other side has to hurry.
func TestPatient(t *testing.T) {
	const limit = time.Second
	slow := func(ctx context.Context, text string, pause time.Duration) io.ReadCloser {
		out, in := io.Pipe()
		go func() {
			for chunk := range strings.SplitAfterSeq(text, ".") {
				select {
				case <-time.After(pause):
				case <-ctx.Done():
					in.CloseWithError(ctx.Err()) // as HTTP/2 ends, without the cause
					return
				}
				_, _ = io.WriteString(in, chunk)
			}
			in.Close()
		}()
		return out
	}
	second := strings.Repeat("a", slowest-1) + "." // as much as has to come in one
	const quick = "a.b.c."
	for name, test := range map[string]struct {
		text                      string
		send, start, answer, read time.Duration // pauses
		silent                    bool
	}{
		"quick":       {text: quick},
		"slow":        {strings.Repeat(second, 4), 0, limit / 2, limit / 2, 0, false},
		"slow sender": {quick, 2 * limit, 0, 0, 0, false},
		"slow reader": {quick, 0, 0, 0, 2 * limit, false},
		"no answer":   {quick, 0, 2 * limit, 0, 0, true},
		"no end":      {quick, 0, 0, 2 * limit, 0, true},
		"drops":       {strings.Repeat(".", 20), 0, 0, limit / 10, 0, true},
		"few drops":   {strings.Repeat(".", 5), 0, 0, limit / 10, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				other := roundTrip(func(request *http.Request) (*http.Response, error) {
					if sent, err := io.ReadAll(request.Body); err != nil || string(sent) != quick {
						t.Errorf("sent %q, %v", sent, err)
					}
					select {
					case <-time.After(test.start):
					case <-request.Context().Done():
						return nil, request.Context().Err()
					}
					return &http.Response{Body: slow(request.Context(), test.text, test.answer)}, nil
				})
				request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://h/", slow(ctx, quick, test.send))
				if err != nil {
					t.Fatal(err)
				}
				response, err := patient{other, limit}.RoundTrip(request)
				var got []byte
				if err == nil {
					time.Sleep(test.read)
					got, err = io.ReadAll(response.Body)
					response.Body.Close()
				}
				var silent *silentError
				if errors.As(err, &silent) != test.silent || !test.silent && (err != nil || string(got) != test.text) {
					t.Errorf("%q, %v", got, err)
				}
			})
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
		b := &Builder{Engine: &Engine{api: silentEngine{}}, CLI: bareCLI{}, Log: &said}
		if there, err := b.fromRegistry(t.Context(), "h:1/x:1", false); there || err != nil || !strings.Contains(said.String(), "nothing was heard of it for 1m0s") {
			t.Errorf("%v, %v: %s", there, err, &said)
		}
	})
}
