package pack

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

func TestJoinEqual(t *testing.T) {
	root := t.TempDir()
	elftest.Write(t, root+testPrefix+"/a", "equal", 0o644)
	elftest.Write(t, root+testPrefix+"/b/c", "equal", 0o644)
	elftest.Write(t, root+testPrefix+"/b/program", "equal", 0o755)
	elftest.Write(t, root+testPrefix+"/d", "other", 0o644)
	elftest.Write(t, root+testPrefix+"/empty", "", 0o644)
	elftest.Write(t, root+testPrefix+"/void", "", 0o644)
	saved, err := joinEqual(t.Context(), root, testPrefix)
	if err != nil || saved != 5 {
		t.Errorf("saved %d, %v", saved, err)
	}
	want := map[string]string{
		"a": "-rw-r--r-- equal", "b/c": "= a", "b/program": "-rwxr-xr-x equal", "d": "-rw-r--r-- other",
		"empty": "-rw-r--r-- ", "void": "-rw-r--r-- ",
	}
	if diff := cmp.Diff(want, listing(t, root)); diff != "" {
		t.Error(diff)
	}
}
