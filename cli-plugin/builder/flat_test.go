package builder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/buildx/buildxtest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	apiimage "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
)

// flattening is an engine in which the payload is in one layer as soon as a
// build starts from it.
type flattening struct {
	worker
	flat string
	info apiimage.InspectResponse
}

func (f flattening) ImageTag(ctx context.Context, o client.ImageTagOptions) (client.ImageTagResult, error) {
	if strings.HasPrefix(o.Target, engine.LeaseName) {
		f.Infos[f.flat] = f.info
	}
	return f.fakeStore.ImageTag(ctx, o)
}

// deepBase has the plan's base be one of so many layers, and returns an engine
// that can make the payload's flat form, and the command that does it.
func deepBase(t *testing.T, r *testRegistry, s *fakeStore, layers int) (plan.Plan, *engine.Engine, buildxtest.StandIn, string) {
	t.Helper()
	_, whole := r.publication(t, s)
	lines := slices.Clone(baseLayers[:1])
	for i := range layers - 1 {
		lines = append(lines, []string{fmt.Sprintf("srv/%d=%d", i, i)})
	}
	r.put(t, s, whole.Runtimes[0].Base, map[string]string{"own": "yes"}, lines...)
	all := map[string]string{payload.LabelKind: payload.KindDeps, payload.LabelDepsTag: testTag, payload.LabelDepsDigest: s.Infos[whole.Deps.Image].ID}
	name := r.Host + "/team/runtime:" + testTag + tag.Flat
	info := s.put(t, v1.ConfigFile{Config: v1.Config{Labels: all}}, slices.Concat(depsLayers...))
	e := s.engine()
	e.API = flattening{worker{fakeStore: s}, name, s.Infos[info.ID]}
	builds := filepath.Join(t.TempDir(), "builds")
	return whole, e, buildxtest.NewStandIn(t, "cat Dockerfile >>"+builds), builds
}

// A base leaves room for what its layers leave: the payload as it is, the
// payload in one layer, or none.
func TestDeepBases(t *testing.T) {
	for layers, want := range map[int]int{ // layers of the payload; 0: refused
		maxStack - 3: 2,
		maxStack - 2: 1,
		maxStack - 1: 0,
	} {
		t.Run(fmt.Sprint(layers), func(t *testing.T) {
			r, s := newTestRegistry(t), newFakeStore(t, false)
			whole, e, cli, builds := deepBase(t, r, s, layers)
			b := publishing(e, Output{})
			var said bytes.Buffer
			b.Output, b.CLI, b.Log, b.Pull = nil, cli, &said, PullNever
			results, err := b.Build(t.Context(), whole)
			if want == 0 {
				var p *problem.Error
				if !errors.As(err, &p) || p.Code != problem.BaseConflict || !strings.Contains(err.Error(), "docker import") || len(results) > 0 {
					t.Errorf("%v, after %d results", err, len(results))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := len(s.Infos[results[1].ID].RootFS.Layers); got != layers+want+1 {
				t.Errorf("%d layers, want %d", got, layers+want+1)
			}
			if again, err := b.Build(t.Context(), whole); err != nil || !again[1].Reused {
				t.Errorf("the next build: %v, %+v", err, again)
			}
			whole.Runtimes[0].Image, whole.Runtimes[0].User = r.Host+"/team/runtime:oh_v2", "agent"
			if _, err := b.Build(t.Context(), whole); err != nil {
				t.Error(err)
			}
			built, _ := os.ReadFile(builds)
			if want, got := 2-want, strings.Count(string(built), "COPY"); got != want {
				t.Errorf("built %d times, want %d:\n%s\n%s", got, want, built, &said)
			}
		})
	}
}

func TestPushOverDeepBase(t *testing.T) {
	r, s := newTestRegistry(t), newFakeStore(t, false)
	whole, e, cli, builds := deepBase(t, r, s, maxStack-2)
	r.upload(t, s, whole.Runtimes[0].Base)
	push := Output{Push: true, Compression: image.Gzip}
	b := publishing(e, push)
	b.CLI = cli
	if _, err := b.Build(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	pushed, err := r.Image(t, whole.Runtimes[0].Image)
	if err == nil {
		err = validate.Image(pushed)
	}
	if err != nil {
		t.Fatal(err)
	}
	if layers, err := pushed.Layers(); err != nil || len(layers) != maxStack {
		t.Errorf("%d layers, want %d: %v", len(layers), maxStack, err)
	}
	if built, _ := os.ReadFile(builds); strings.Count(string(built), "COPY") != 1 {
		t.Errorf("built:\n%s", built)
	}
	// Another machine, without an engine, finds it there.
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	none := engine.NoEngine("amd64", problem.New(problem.NoEngine, "none", nil, ""))
	results, err := publishing(none, push).Build(t.Context(), whole)
	if err != nil || !results[1].Reused {
		t.Errorf("%v: %+v", err, results)
	}
}

// A registry or a file has no image that an engine with a graph driver refuses.
func TestPublishTooDeep(t *testing.T) {
	r, s := newTestRegistry(t), newFakeStore(t, false)
	whole, e, cli, _ := deepBase(t, r, s, maxStack-1)
	b := publishing(e, Output{Push: true, Compression: image.Gzip})
	b.CLI = cli
	var p *problem.Error
	if _, err := b.Build(t.Context(), whole); !errors.As(err, &p) || p.Code != problem.BaseConflict {
		t.Errorf("it ends with %v", err)
	}
	if _, err := r.Image(t, whole.Runtimes[0].Image); err == nil {
		t.Error("it is there")
	}
}

func TestFlatDockerfile(t *testing.T) {
	deps := &image.Image{ID: "sha256:1"}
	s := newFakeStore(t, false)
	info := s.put(t, v1.ConfigFile{Config: v1.Config{Labels: map[string]string{
		payload.LabelKind: payload.KindDeps, payload.LabelInputs: `A="$B" \`, "other\nRUN": "x",
	}}}, depsLayers...)
	deps.Config = info.Config
	want := "FROM scratch\nCOPY --from=x / /\nLABEL " + payload.LabelKind + "=\"deps\"\nLABEL " + payload.LabelInputs + `="A=\"\$B\" \\"` + "\nLABEL " + payload.LabelDepsDigest + "=\"sha256:1\"\n"
	if got := flatDockerfile("x", deps); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
