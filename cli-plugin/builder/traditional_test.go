package builder

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/buildx/buildxtest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/traditional"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/util/progress/progressui"
)

// someSources are the least that is taken for sources of OpenHands.
func someSources(t *testing.T) *traditional.Source {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"pyproject.toml": "version = \"1.0\"\n", "poetry.lock": "", "microagents/a.md": "", "openhands/__init__.py": "",
		"openhands/runtime/utils/runtime_templates/Dockerfile.j2": "FROM {{ base_image }}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	source, err := traditional.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	return source
}

// A forced build whose tags all belong to other images makes one without a
// name; who wants to start it needs something to call it.
func TestTraditionalWithoutTags(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	source := someSources(t)
	names := traditional.Names{Repository: "team/app", Source: "source", Lock: "lock", Versioned: "versioned"}
	s := newFakeStore(t, false)
	earlier := s.put(t, v1.ConfigFile{Author: "earlier"}, baseLayers...)
	for _, ref := range []string{"base:1", names.Reference("source"), names.Reference("lock"), names.Reference("versioned")} {
		s.Infos[ref] = s.Infos[earlier.ID]
	}
	made := s.put(t, v1.ConfigFile{Author: "made"}, baseLayers...)
	b := &Builder{
		Engine: s.engine(), Log: t.Output(), Progress: progressui.PlainMode, ForceRebuild: true,
		CLI: buildxtest.NewStandIn(t, `while [ "$1" != --iidfile ]; do shift; done; echo `+made.ID+` >"$2"`),
	}
	results, err := b.Traditional(t.Context(), []Traditional{{Source: source, Names: names, Base: "base:1"}})
	if err != nil {
		t.Fatal(err)
	}
	result := results[0]
	if want := []string{made.ID}; result.ID != made.ID || !slices.Equal(result.References, want) {
		t.Errorf("it made %s and calls it %q, want %q", result.ID, result.References, want)
	}
}

// One image that cannot be made keeps no other from being made, and each has its
// own outcome.
func TestTraditionalGoesOn(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	source, s := someSources(t), newFakeStore(t, false)
	made := s.put(t, v1.ConfigFile{Author: "made"}, baseLayers...)
	s.Infos["good:1"], s.Infos["bad:1"] = s.Infos[made.ID], s.Infos[made.ID]
	var log strings.Builder
	b := &Builder{
		Engine: s.engine(), Log: &log, Progress: progressui.PlainMode, Pull: PullNever,
		CLI: buildxtest.NewStandIn(t, `case "$*" in *bad*) echo 'ERROR: no' >&2; exit 1; esac
while [ "$1" != --iidfile ]; do shift; done; echo `+made.ID+` >"$2"`),
	}
	var images []Traditional
	for _, base := range []string{"bad:1", "good:1"} {
		word, _, _ := strings.Cut(base, ":")
		images = append(images, Traditional{
			Source: source, Base: base, Tags: []string{"team/app:" + word},
			Names: traditional.Names{Repository: "team/rt", Source: word + "-source", Lock: word + "-lock", Versioned: word + "-versioned"},
		})
	}
	results, err := b.Traditional(t.Context(), images)
	if err == nil {
		t.Error("it ends well")
	}
	if len(results) != 2 || results[0].Failure == nil || !strings.HasSuffix(results[0].Failure.Cause.Error(), "no") || results[0].Base != "bad:1" || results[1].Failure != nil || results[1].ID != made.ID {
		t.Errorf("%+v", results)
	}
	for _, want := range []string{"1 of 2: the image over bad:1", "going on without the image over bad:1", "2 of 2: the image over good:1"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is not said:\n%s", want, &log)
		}
	}
}

// A name of somebody else's image is refused before any image is made.
func TestTraditionalNamesOfOthers(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	source, s := someSources(t), newFakeStore(t, false)
	somebodys := s.put(t, v1.ConfigFile{Author: "somebody"}, baseLayers...)
	s.Infos["team/app:2"] = s.Infos[somebodys.ID]
	b := &Builder{Engine: s.engine(), Log: t.Output(), Progress: progressui.PlainMode, CLI: buildxtest.NewStandIn(t, "exit 1")}
	names := traditional.Names{Repository: "team/rt", Source: "source", Lock: "lock", Versioned: "versioned"}
	results, err := b.Traditional(t.Context(), []Traditional{
		{Source: source, Names: names, Base: "base:1", Tags: []string{"team/app:1"}}, {Source: source, Names: names, Base: "base:2", Tags: []string{"team/app:2"}},
	})
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != problem.NameTaken || results != nil {
		t.Errorf("%+v, %v", results, err)
	}
}
