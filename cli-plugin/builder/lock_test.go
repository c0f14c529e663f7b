package builder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
)

// noteWriter tells when something was written.
type noteWriter struct {
	bytes.Buffer
	written chan struct{}
}

func (w *noteWriter) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	close(w.written)
	return n, err
}

func TestLockWaits(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	var none bytes.Buffer
	first := &Builder{Engine: &engine.Engine{ID: "one"}, Log: &none}
	unlock, err := first.lock(t.Context(), "a:1")
	if err != nil {
		t.Fatal(err)
	}
	// Another name and another engine are not kept out.
	for _, other := range []struct{ engine, ref string }{{"one", "a:2"}, {"two", "a:1"}} {
		unlock, err := (&Builder{Engine: &engine.Engine{ID: other.engine}, Log: &none}).lock(t.Context(), other.ref)
		if err != nil {
			t.Fatal(err)
		}
		unlock()
	}

	log := &noteWriter{written: make(chan struct{})}
	waiting := &Builder{Engine: &engine.Engine{ID: "one"}, Log: log}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := waiting.lock(ctx, "a:1")
		ended <- err
	}()
	<-log.written
	if got, want := log.String(), fmt.Sprintf("waiting for the build of a:1 by process %d\n", os.Getpid()); got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled, it ends with %v", err)
	}

	log = &noteWriter{written: make(chan struct{})}
	waiting = &Builder{Engine: &engine.Engine{ID: "one"}, Log: log}
	go func() {
		unlock, err := waiting.lock(t.Context(), "a:1")
		if err == nil {
			unlock()
		}
		ended <- err
	}()
	<-log.written
	unlock()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if none.Len() > 0 {
		t.Errorf("the others say %q", &none)
	}
}

func TestLockWithoutCacheFolder(t *testing.T) {
	noCacheFolder(t)
	var log bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	unlock, err := (&Builder{Engine: &engine.Engine{}, Log: &log}).lock(ctx, "a:1")
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	if !bytes.Contains(log.Bytes(), []byte("going on without a lock of a:1")) {
		t.Errorf("it says %q", &log)
	}
	if folder, err := (&engine.Engine{}).Lease().Folder(); err != nil {
		t.Error(err)
	} else if err := os.Remove(folder); err != nil {
		t.Error(err)
	}
}
