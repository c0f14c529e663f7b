package builder

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// A registry without space says so once; asked again, it has half of a layer
// and fails without a word.
func TestPushToFullRegistry(t *testing.T) {
	r, s := newTestRegistry(t), newFakeStore(t, false)
	_, whole := r.publication(t, s)
	store, uploads, full := r.Answers(), atomic.Int64{}, atomic.Bool{}
	r.Answer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		switch {
		case request.Method == http.MethodPatch:
			uploads.Add(1)
			full.Store(true)
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte(`{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":{"Op":"write","Err":28}}]}`))
		case full.Load() && strings.Contains(request.URL.Path, "/blobs/"):
			w.WriteHeader(http.StatusInternalServerError)
		default:
			store.ServeHTTP(w, request)
		}
	}))
	var p *problem.Error
	_, err := publishing(s.engine(), Output{Push: true, Compression: image.Gzip}).Build(t.Context(), whole)
	if !errors.As(err, &p) || p.Code != problem.DiskFull {
		t.Errorf("%v, want %s", err, problem.DiskFull)
	}
	if n, layers := uploads.Load(), int64(len(depsLayers)+1); n > layers {
		t.Errorf("%d uploads of %d blobs", n, layers)
	}
}
