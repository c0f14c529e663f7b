package builder

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/buildx/buildxtest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/traditional"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/util/progress/progressui"
)

// A forced build whose tags all belong to other images makes one without a
// name; who wants to start it needs something to call it.
func TestTraditionalWithoutTags(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
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
	result, err := b.Traditional(t.Context(), Traditional{Source: source, Names: names, Base: "base:1"})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{made.ID}; result.ID != made.ID || !slices.Equal(result.References, want) {
		t.Errorf("it made %s and calls it %q, want %q", result.ID, result.References, want)
	}
}
