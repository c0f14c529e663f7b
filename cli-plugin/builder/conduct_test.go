package builder

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry/registrytest"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// fleet is a registry with a payload and bases, and the plan of the images over
// them, each of which has a tag of its own.
func fleet(t testing.TB, r *registrytest.Registry, bases int) plan.Plan {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	labels := map[string]string{payload.LabelKind: payload.KindDeps, payload.LabelDepsTag: testTag, payload.LabelServer: plan.DefaultServer, payload.LabelVersion: "1.6.0"}
	if err := registrytest.NewFleet(bases).Write(context.Background(), r.Host, labels); err != nil {
		t.Fatal(err)
	}
	return fleetPlan(t, r.Host, bases)
}

// fleetPlan is the plan of a fleet that the registry at host has.
func fleetPlan(t testing.TB, host string, bases int) plan.Plan {
	t.Helper()
	f := registrytest.NewFleet(bases)
	whole, err := plan.New(plan.Options{
		Bases: f.Bases(host), Repository: host + "/team/runtime", Version: "1.6.0", Server: plan.DefaultServer, Arch: "amd64",
		LayerOrder: plan.OrderAuto, Assemble: plan.AssembleAuto,
		Deps: &plan.DepsImage{Ref: f.Payload(host), Tag: testTag, Version: "1.6.0", Server: plan.DefaultServer}, Tags: []string{host + "/team/eval:{base.image}"},
	}, plan.Inputs{})
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

// withoutEngine pushes by what registries have.
func withoutEngine(jobs int) *Builder {
	b := publishing(engine.NoEngine("amd64", problem.New(problem.NoEngine, "none", nil, "")), Output{Push: true, Compression: image.Gzip})
	b.Jobs = jobs
	return b
}

// Many images at a time are those that one after the other would be: each is told
// of once, is whole, and a layer of the payload is uploaded once.
func TestManyAtATime(t *testing.T) {
	r := registrytest.New(t)
	whole := fleet(t, r, 24)
	var lock sync.Mutex
	begun := 0
	r.Watch(func(request *http.Request) {
		if request.Method == http.MethodPost && strings.Contains(request.URL.Path, "/team/") {
			lock.Lock()
			defer lock.Unlock()
			begun++
		}
	})
	b := withoutEngine(8)
	told := map[string]int{}
	b.Each = func(r Result) { told[r.Base]++ }
	results, err := b.Build(t.Context(), whole)
	if err != nil || len(results) != 25 {
		t.Fatalf("%v: %d results", err, len(results))
	}
	for i, result := range results[1:] {
		if result.Base != whole.Runtimes[i].Base || result.Failure != nil || result.Reused || told[result.Base] != 1 {
			t.Errorf("result %d, told %d times: %+v", i, told[result.Base], result)
		}
		pushed, err := r.Image(t, result.References[0])
		if err == nil {
			err = validate.Image(pushed)
		}
		if err != nil {
			t.Error(err)
		}
	}
	before := begun
	if results, err = b.Build(t.Context(), whole); err != nil || begun > before+1 { // the question whether anything can be pushed
		t.Errorf("%v, %d uploads are begun once more", err, begun-before)
	}
	for _, result := range results {
		if !result.Reused {
			t.Errorf("made again: %+v", result)
		}
	}
}

// An engine gets several images at a time as well.
func TestManyAtATimeInEngine(t *testing.T) {
	forBothStores(t, func(t *testing.T, s *fakeStore) {
		r := newTestRegistry(t)
		base, whole := r.publication(t, s)
		first := whole.Runtimes[0]
		whole.Runtimes = nil
		for i := range 16 {
			next := first
			next.Base, next.Image = fmt.Sprintf("%s-%d", base, i), fmt.Sprintf("%s-%d", first.Image, i)
			next.Labels = maps.Clone(first.Labels)
			next.Labels[payload.LabelBaseName] = next.Base
			r.put(t, s, next.Base, nil, append(baseLayers[:1:1], []string{fmt.Sprintf("own=%d", i)})...)
			whole.Runtimes = append(whole.Runtimes, next)
		}
		b := publishing(s.engine(), Output{})
		b.Output, b.Pull, b.Jobs = nil, PullNever, 4
		results, err := b.Build(t.Context(), whole)
		if err != nil || len(results) != 17 {
			t.Fatalf("%v: %d results", err, len(results))
		}
		ids := map[string]bool{}
		for _, result := range results {
			ids[result.ID] = true
			if _, ok := s.Infos[result.References[0]]; !ok || result.Failure != nil {
				t.Errorf("%+v", result)
			}
		}
		if len(ids) != 17 {
			t.Errorf("%d images", len(ids))
		}
		noBlobs(t)
	})
}

// With a full disk no other image is begun.
func TestNothingIsBegunOnAFullDisk(t *testing.T) {
	r := registrytest.New(t)
	whole := fleet(t, r, 12)
	store := r.Answers()
	r.Answer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Method == http.MethodPatch {
			w.WriteHeader(http.StatusInsufficientStorage)
			return
		}
		store.ServeHTTP(w, request)
	}))
	b := withoutEngine(2)
	results, err := b.Build(t.Context(), whole)
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != problem.DiskFull || len(results) > 1 {
		t.Errorf("%v, %d results", err, len(results))
	}
}

// Who interrupts is told so, and what is finished by then.
func TestInterruptedBatch(t *testing.T) {
	r := registrytest.New(t)
	whole := fleet(t, r, 20)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b := withoutEngine(2)
	told := 0
	b.Each = func(Result) {
		if told++; told == 5 {
			cancel()
		}
	}
	results, err := b.Build(ctx, whole)
	if !errors.Is(err, context.Canceled) || len(results) < 5 || len(results) > 12 || len(results) != told {
		t.Errorf("%v: %d results, %d told", err, len(results), told)
	}
	for _, result := range results {
		if result.Failure != nil {
			t.Errorf("%+v", result)
		}
	}
}

// An image that is alone and cannot be made is told of as well.
func TestFailureOfOneIsTold(t *testing.T) {
	r := registrytest.New(t)
	whole := fleet(t, r, 1)
	whole.Runtimes[0].Base = r.Host + "/dataset/none:1"
	b := withoutEngine(1)
	var told []Result
	b.Each = func(r Result) { told = append(told, r) }
	if _, err := b.Build(t.Context(), whole); err == nil || len(told) != 1 || told[0].Failure == nil || told[0].Failure.Code != problem.NotFound {
		t.Errorf("%v: %+v", err, told)
	}
}
