package builder

import (
	"fmt"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// However many files lie behind links, the base is read twice.
func TestReadingsOfBase(t *testing.T) {
	forBothStores(t, func(t *testing.T, s *fakeStore) {
		lines := []string{
			"etc/skel->/usr/share/skel", "etc/passwd->/store/users", "etc/group=root:x:0:\n",
			"store/real=root:x:0:0:root:/root:/bin/sh\n", "store/users=>store/real",
		}
		for i := range 50 {
			lines = append(lines, fmt.Sprintf("usr/share/skel/%d=%d", i, i))
		}
		a := s.assembly(t, s.put(t, v1.ConfigFile{}, lines), plan.OrderAuto)
		readings := 0
		err := a.Retry(func(w image.Attempt) error {
			readings++
			_, err := attempt{a, w, engine.Chains{}, true}.run(t.Context())
			return err
		})
		if err != nil || readings != 2 {
			t.Errorf("%d readings: %v", readings, err)
		}
	})
}
