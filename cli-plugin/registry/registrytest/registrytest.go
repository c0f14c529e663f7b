// Package registrytest is a registry in memory for tests.
package registrytest

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Registry is a registry on the loopback interface. It does not mount.
type Registry struct {
	Host     string       // and port
	Uploaded atomic.Int64 // bytes of blobs

	server *http.Server

	lock    sync.Mutex // requests of what has ended may still come
	watch   func(*http.Request)
	answers http.Handler
}

// New returns a registry that ends with the test.
func New(t testing.TB) *Registry {
	t.Helper()
	r := &Registry{answers: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	r.listen(t, "127.0.0.1:0")
	t.Cleanup(func() { r.Stop(t) })
	return r
}

func (r *Registry) listen(t testing.TB, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	r.Host, r.server = listener.Addr().String(), &http.Server{Handler: r, ErrorLog: log.New(io.Discard, "", 0)}
	go func(s *http.Server) { _ = s.Serve(listener) }(r.server) // ends with Close
}

// Stop ends the registry and all of its connections, whatever they are about.
func (r *Registry) Stop(t testing.TB) {
	t.Helper()
	if err := r.server.Close(); err != nil {
		t.Error(err)
	}
}

// Start has a registry that was stopped answer again, with all that it had.
func (r *Registry) Start(t testing.TB) {
	t.Helper()
	r.listen(t, r.Host)
}

// ServeHTTP implements http.Handler.
func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method == http.MethodPatch {
		r.Uploaded.Add(request.ContentLength)
	}
	r.lock.Lock()
	watch, answers := r.watch, r.answers
	r.lock.Unlock()
	if watch != nil {
		watch(request)
	}
	answers.ServeHTTP(w, request)
}

// Watch has a function see each request from now on; nil: nobody does.
func (r *Registry) Watch(see func(*http.Request)) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.watch = see
}

// Answer has a handler answer from now on.
func (r *Registry) Answer(handler http.Handler) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.answers = handler
}

// Answers returns what answers.
func (r *Registry) Answers() http.Handler {
	r.lock.Lock()
	defer r.lock.Unlock()
	return r.answers
}

// Counting returns a function for Watch that counts what is got below a path, by paths.
func (r *Registry) Counting(path string, into map[string]int) func(*http.Request) {
	var lock sync.Mutex
	return func(request *http.Request) {
		if request.Method == http.MethodGet && strings.Contains(request.URL.Path, path) {
			lock.Lock()
			defer lock.Unlock()
			into[request.URL.Path]++
		}
	}
}

// Image returns an image of the registry, read by another implementation.
func (r *Registry) Image(t testing.TB, text string) (v1.Image, error) {
	t.Helper()
	ref, err := name.ParseReference(text)
	if err != nil {
		t.Fatal(err)
	}
	return remote.Image(ref)
}

// Silenced returns a handler that answers as before, but for requests of which it
// sends no more than the first half of the answer.
func (r *Registry) Silenced(t testing.TB, silent func(*http.Request) bool) http.Handler {
	answers, over := r.Answers(), make(chan struct{})
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
