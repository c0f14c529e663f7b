package builder

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// noCacheFolder lets nothing be kept, also by root.
func noCacheFolder(t *testing.T) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", file)
}

func TestAssemblyWithoutCacheFolder(t *testing.T) {
	for what, refuse := range map[string]int{"as little as possible": 0, "everything": 1} {
		t.Run(what, func(t *testing.T) {
			forBothStores(t, func(t *testing.T, s *fakeStore) {
				s.Refuse = refuse
				a := s.assembly(t, s.put(t, v1.ConfigFile{}, baseLayers...), plan.OrderAuto)
				noCacheFolder(t)
				if _, err := a.run(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestPushWithoutCacheFolder(t *testing.T) {
	r, s := newTestRegistry(t), newFakeStore(t, false)
	base, whole := r.publication(t, s)
	r.upload(t, s, base)
	noCacheFolder(t)
	for range 2 {
		if _, err := publishing(s.engine(), Output{Push: true, Compression: image.Gzip}).Build(t.Context(), whole); err != nil {
			t.Error(err)
		}
		whole.Runtimes[0].Image += "-2"
	}
}
