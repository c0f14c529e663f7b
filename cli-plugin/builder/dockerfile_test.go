package builder

import (
	"errors"
	"io"
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
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/util/progress/progressui"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	apiimage "github.com/moby/moby/api/types/image"
)

// dockerfileForm has buildx build over base, and returns the images that were
// given to it: the payload and the base.
func dockerfileForm(t *testing.T, s *fakeStore, base *image.Image) (named []apiimage.InspectResponse, log string, err error) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	deps := s.put(t, v1.ConfigFile{}, depsLayers...)
	s.Infos["out:1"] = apiimage.InspectResponse{ID: "sha256:built"}
	var said strings.Builder
	b := &Builder{Engine: s.engine(), Log: &said, Progress: progressui.PlainMode, CLI: buildxtest.NewStandIn(t, "")}
	r := plan.Runtime{Base: "base:1", Image: "out:1", User: payload.User, Assemble: plan.AssembleNever}
	_, err = local{b.native()}.make(t.Context(), r, deps, base, nil)
	return s.Named, said.String(), err
}

// A base without a name would go with the one that it gets for the build.
func TestDockerfileFormOfNamelessBase(t *testing.T) {
	s := newFakeStore(t, false)
	base := s.put(t, v1.ConfigFile{}, baseLayers...)
	named, _, err := dockerfileForm(t, s, base)
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != problem.Usage || len(named) > 0 {
		t.Errorf("%d images are named, %v", len(named), err)
	}
}

// No instruction of a Dockerfile takes away volumes, triggers, labels and
// variables, so the base that it starts from is without them.
func TestDockerfileFormsBase(t *testing.T) {
	forBothStores(t, func(t *testing.T, s *fakeStore) {
		base := s.put(t, v1.ConfigFile{}, baseLayers...)
		base.Names = []string{"base:1"}
		config := &base.Config.Config
		config.Volumes = map[string]struct{}{"/data": {}, "/openhands": {}}
		config.Env = []string{"A=b", "SU_TO_USER=false"}
		config.OnBuild, config.StopSignal = []string{"RUN false"}, "SIGQUIT"
		config.Labels, config.Cmd = map[string]string{"own": "yes", engine.LeaseLabel: "a"}, []string{"sh"}
		named, log, err := dockerfileForm(t, s, base)
		if err != nil || len(named) != 2 {
			t.Fatalf("%d images are named: %v", len(named), err)
		}
		want := dockerspec.DockerOCIImageConfig{}
		want.Volumes, want.Env, want.Labels, want.Cmd = map[string]struct{}{"/data": {}}, []string{"A=b"}, map[string]string{"own": "yes"}, []string{"sh"}
		if diff := cmp.Diff(&want, named[1].Config); diff != "" {
			t.Error(diff)
		}
		if !slices.Equal(engine.Describe("", &named[1]).DiffIDs(), base.DiffIDs()) {
			t.Errorf("it is of the layers %v, not %v", named[1].RootFS.Layers, base.DiffIDs())
		}
		if _, left := s.Infos[named[1].ID]; left {
			t.Error("it is left in the engine")
		}
		for _, told := range []string{"STOPSIGNAL SIGQUIT (", "ONBUILD RUN false (", "VOLUME /openhands (", "ENV SU_TO_USER (", "LABEL dev.openhands.lease ("} {
			if strings.Count(log, "not taken over of the base base:1: "+told) != 1 {
				t.Errorf("%q is not told once in\n%s", told, log)
			}
		}
	})
}

func TestDockerfileFormOfPlainBase(t *testing.T) {
	s := newFakeStore(t, false)
	base := s.put(t, v1.ConfigFile{}, baseLayers...)
	base.Names = []string{"base:1"}
	base.Config.Config.Env = []string{"PATH=/bin"}
	named, log, err := dockerfileForm(t, s, base)
	if err != nil || len(named) != 2 || named[1].ID != base.ID || len(s.Loads) > 0 || strings.Contains(log, "not taken over") {
		t.Errorf("%+v, %d loads, %v\n%s", named, len(s.Loads), err, log)
	}
}

func TestDockerfileFormRefused(t *testing.T) {
	s := newFakeStore(t, false)
	base := s.put(t, v1.ConfigFile{}, baseLayers...)
	base.Names = []string{"base:1"}
	config := &base.Config.Config
	config.Volumes = map[string]struct{}{"/etc": {}}
	s.Refuse = 1
	_, _, err := dockerfileForm(t, s, base)
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != problem.BaseConflict || !strings.Contains(p.Summary, "VOLUME /etc") {
		t.Errorf("got %v, want %s", err, problem.BaseConflict)
	}
}

// What is built on the assembled image ends as its Dockerfile form does.
func TestLastStep(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	s, dir := newFakeStore(t, false), t.TempDir()
	id := s.put(t, v1.ConfigFile{}, baseLayers...).ID
	s.Infos["out:1"] = apiimage.InspectResponse{ID: "sha256:built"}
	b := &Builder{Engine: s.engine(), Log: os.Stderr, Progress: progressui.QuietMode, CLI: buildxtest.NewStandIn(t, "cp Dockerfile "+dir+"\n")}
	if _, err := b.extraDeps(t.Context(), plan.Runtime{Image: "out:1", ExtraDeps: "true"}, id); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil || !strings.HasSuffix(string(text), "\n"+plan.LastStep+"\n") {
		t.Errorf("%v\n%s", err, text)
	}
}

// Where no shell is there to run extra dependencies, the error says so. A shell
// that is there failed by itself.
func TestExtraDepsWithoutShell(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	b := &Builder{Log: io.Discard, Progress: progressui.PlainMode, CLI: buildxtest.NewStandIn(t, `[ "$2" = --help ] && echo rawjson`)}
	r := plan.Runtime{Base: "base:1", Image: "out:1", User: payload.User, ExtraDeps: "true", Assemble: plan.AssembleNever}
	for name, test := range map[string]struct {
		deps, base []string // files
		assembled  []string
		why        string
	}{
		"no shell":               {nil, nil, nil, "neither the base base:1 nor the payload has a shell"},
		"a link to no shell":     {nil, nil, []string{"bin/sh->/openhands/fallback/bin/sh"}, "neither the base base:1 nor the payload has a shell"},
		"a shell of the base":    {nil, []string{"bin/sh=x"}, []string{"bin/sh=x"}, "the build failed"},
		"a shell of the payload": {[]string{"openhands/fallback/bin/bash=x"}, nil, []string{"bin/sh=x"}, "the build failed"},
	} {
		s := newFakeStore(t, false)
		b.Engine = s.engine()
		base := s.put(t, v1.ConfigFile{}, append([]string{"etc/"}, test.base...))
		base.Names = []string{"base:1"}
		_, err := b.fromDockerfile(t.Context(), r, s.put(t, v1.ConfigFile{}, append([]string{"openhands/"}, test.deps...)), base, map[string]string{})
		_, layered := b.extraDeps(t.Context(), r, s.put(t, v1.ConfigFile{}, append([]string{"tmp/"}, test.assembled...)).ID)
		for form, err := range map[string]error{"Dockerfile": err, "layers": layered} {
			var p *problem.Error
			if !errors.As(err, &p) || p.Code != problem.BuildFailed || !strings.Contains(p.Summary, test.why) {
				t.Errorf("%s, %s: %v", name, form, err)
			}
		}
	}
}
