package builder

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry/registrytest"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
)

// number is how many of something there are in these tests: the variable of the
// environment, for longer runs, or what every run of the tests has.
func number(t *testing.T, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// all fails the test where one of the plan's images is not there or not whole, or
// where there is another one. Each layer is read once.
func all(t *testing.T, r *registrytest.Registry, whole plan.Plan) {
	t.Helper()
	proven := map[v1.Hash]v1.Hash{}
	repository, err := name.NewRepository(strings.Split(whole.Runtimes[0].Tags[0], ":sweb")[0])
	if err != nil {
		t.Fatal(err)
	}
	tags, err := remote.List(repository)
	if err != nil {
		t.Fatal(err)
	}
	if len(tags) != len(whole.Runtimes)+1 { // and the payload's
		t.Errorf("%d tags, want %d", len(tags), len(whole.Runtimes)+1)
	}
	images := map[v1.Hash]bool{}
	for _, wanted := range whole.Runtimes {
		pushed, err := r.Image(t, wanted.Tags[0])
		if err != nil {
			t.Error(err)
			continue
		}
		config, err := pushed.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		layers, err := pushed.Layers()
		if err != nil {
			t.Fatal(err)
		}
		id, err := pushed.Digest()
		if err != nil {
			t.Fatal(err)
		}
		if images[id] || config.Config.Labels["dev.openhands.base.name"] != wanted.Base || len(layers) != len(config.RootFS.DiffIDs) || len(layers) < 14 {
			t.Errorf("%s is %s, of %d layers over %s", wanted.Tags[0], id, len(layers), config.Config.Labels["dev.openhands.base.name"])
		}
		images[id] = true
		for i, l := range layers {
			packed, err := l.Digest()
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := proven[packed]; !ok {
				content, err := l.Uncompressed() // fails where the digest is another one
				if err != nil {
					t.Fatal(err)
				}
				plain, err := digest.FromReader(content)
				if err = errors.Join(err, content.Close()); err != nil {
					t.Fatalf("the layer %s of %s: %v", packed, wanted.Tags[0], err)
				}
				proven[packed] = v1.Hash{Algorithm: "sha256", Hex: plain.Encoded()}
			}
			if proven[packed] != config.RootFS.DiffIDs[i] {
				t.Errorf("the layer %s of %s is %s, want %s", packed, wanted.Tags[0], proven[packed], config.RootFS.DiffIDs[i])
			}
		}
	}
}

// alarm is a log that says when it has a word.
type alarm struct {
	word  string
	there chan struct{}
	once  sync.Once
	log   bytes.Buffer
}

// Write implements io.Writer. There is one caller at a time.
func (h *alarm) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(h.word)) {
		h.once.Do(func() { close(h.there) })
	}
	return h.log.Write(p)
}

// A registry that goes wrong in one of ten requests, and that is killed and starts
// again meanwhile, has every image in the end. The next run has nothing to do.
func TestFaultyRegistry(t *testing.T) {
	r := registrytest.New(t)
	whole := fleet(t, r, number(t, "OH_BATCH", 60))
	healthy := r.Answers()
	faulty := registrytest.NewFaulty(healthy, 10, 1)
	r.Answer(faulty)
	b := withoutEngine(8)
	b.Retries, b.Terse = 8, true
	refused := &alarm{word: "connection refused", there: make(chan struct{})}
	b.Log = refused
	var made atomic.Int64
	half := make(chan struct{})
	b.Each = func(Result) {
		if made.Add(1) == int64(len(whole.Runtimes)/2) {
			close(half)
		}
	}
	var group errgroup.Group
	group.Go(func() error {
		<-half
		r.Stop(t)
		<-refused.there // by an image that is to be tried again
		r.Start(t)
		return nil
	})
	results, err := b.Build(t.Context(), whole)
	if err != nil || len(results) != len(whole.Runtimes)+1 {
		t.Fatalf("%v: %d results\n%s", err, len(results), &refused.log)
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	faulty.Check(t)
	r.Answer(healthy)
	all(t, r, whole)
	if results, err = b.Build(t.Context(), whole); err != nil || slices.ContainsFunc(results, func(r Result) bool { return !r.Reused }) {
		t.Errorf("%v: something is made again", err)
	}
}

// A registry that refuses one image for good hides none of the others, and what
// takes too long ends with a code of its own.
func TestOneOfMany(t *testing.T) {
	r := registrytest.New(t)
	whole := fleet(t, r, 6)
	store, over := r.Answers(), make(chan struct{})
	defer close(over)
	r.Answer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		switch {
		case request.Method != http.MethodPut || path.Base(path.Dir(request.URL.Path)) != "manifests":
		case strings.HasSuffix(request.URL.Path, "project-2"):
			w.WriteHeader(http.StatusForbidden)
			return
		case strings.HasSuffix(request.URL.Path, "project-4"):
			select {
			case <-over:
			case <-request.Context().Done():
			}
			return
		}
		store.ServeHTTP(w, request)
	}))
	b := withoutEngine(3)
	b.TimeLimit, b.Retries = 5*time.Second, 3
	results, err := b.Build(t.Context(), whole)
	var p *problem.Error
	if !errors.As(err, &p) || !strings.Contains(p.Summary, "2 of 6") || len(results) != 7 {
		t.Fatalf("%v: %d results", err, len(results))
	}
	for i, want := range []problem.Code{"", "", problem.RegistryDenied, "", problem.TookTooLong, ""} {
		got := results[i+1]
		if (got.Failure == nil) != (want == "") || got.Failure != nil && got.Failure.Code != want || want == "" && (got.Up == 0 || got.Down == 0 || got.BaseDigest == "") {
			t.Errorf("%d: want %q, got %+v", i, want, got)
		}
	}
}

// One base of many that has changed has its image made, and no other has.
func TestOneHasChanged(t *testing.T) {
	r := registrytest.New(t)
	whole := fleet(t, r, 12)
	b := withoutEngine(4)
	if _, err := b.Build(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	if err := registrytest.WriteBase(t.Context(), whole.Runtimes[7].Base, nil, 1000); err != nil {
		t.Fatal(err)
	}
	results, err := withoutEngine(4).Build(t.Context(), whole)
	if err != nil {
		t.Fatal(err)
	}
	for i, result := range results {
		if result.Reused != (i != 8) {
			t.Errorf("%d: %+v", i, result)
		}
	}
}

// killedVariable has a process of the test carry out a plan over so many bases of
// the registry that it names.
const killedVariable = "OH_KILLED_BATCH"

// A run that is killed leaves nothing that the next one stumbles over: every image
// is there in the end, and none that is half done has a name.
func TestKilledRuns(t *testing.T) {
	if host := os.Getenv(killedVariable); host != "" {
		whole := fleetPlan(t, host, number(t, "OH_BATCH", 60))
		if _, err := withoutEngine(4).Build(context.Background(), whole); err != nil {
			t.Fatal(err)
		}
		return
	}
	r := registrytest.New(t)
	whole := fleet(t, r, number(t, "OH_BATCH", 60))
	cache := t.TempDir()
	run := func(ctx context.Context) error {
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestKilledRuns$")
		cmd.Env = append(os.Environ(), killedVariable+"="+r.Host, "XDG_CACHE_HOME="+cache)
		cmd.Stdout, cmd.Stderr = io.Discard, os.Stderr
		return cmd.Run()
	}
	random := rand.New(rand.NewPCG(1, 2))
	var left atomic.Int64 // requests until a run is killed; a killed one's may come late
	var kill atomic.Pointer[context.CancelFunc]
	r.Watch(func(*http.Request) {
		if left.Add(-1) == 0 {
			(*kill.Load())()
		}
	})
	for range number(t, "OH_KILLS", 3) {
		ctx, cancel := context.WithCancel(t.Context())
		at := 1 + random.Int64N(3*int64(len(whole.Runtimes))) // a run has more requests than that, even with nothing to do
		kill.Store(&cancel)
		left.Store(at)
		if err := run(ctx); err == nil || ctx.Err() == nil {
			t.Errorf("it was not killed at request %d: %v", at, err)
		}
		cancel()
	}
	left.Store(0)
	if err := run(t.Context()); err != nil {
		t.Fatal(err)
	}
	all(t, r, whole)
	t.Setenv("XDG_CACHE_HOME", cache)
	results, err := withoutEngine(4).Build(t.Context(), whole)
	if err != nil || slices.ContainsFunc(results, func(r Result) bool { return !r.Reused }) {
		t.Errorf("%v: something is made again", err)
	}
}
