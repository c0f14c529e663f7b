package request

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/templates"
)

// fakeUV writes a lock of two packages, whatever it is asked for.
const fakeUV = `#!/bin/sh
while [ "$1" != --output-file ]; do shift; done
release=$(sed -n "s/.*openhands-agent-server == \([0-9.]*\).*/\1/p" pyproject.toml | head -1)
for package in "other 1" "openhands-agent-server $release"; do
	printf '[[packages]]\nname = "%s"\nversion = "%s"\nwheels = [{ hashes = { sha256 = "%064d" } }]\n' "${package% *}" "${package#* }" 7
done >"$2"
`

// A lock that its user made is the user's own, and from then on a release like
// any other.
func TestLock(t *testing.T) {
	bin, own := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "uv"), []byte(fakeUV), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	t.Setenv("XDG_CONFIG_HOME", own)
	releases := func() []string {
		all, err := Components(nil)
		if err != nil {
			t.Fatal(err)
		}
		versions, _ := templates.Releases(all, payload.AgentServer)
		return versions
	}
	const version = "1.52.0"
	if slices.Contains(releases(), version) {
		t.Fatalf("%s has a lock already: choose another release for this test", version)
	}
	file, err := Lock(t.Context(), payload.AgentServer, version, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(releases(), version) {
		t.Error("the lock is there before it is written")
	}
	if err := file.Write(); err != nil {
		t.Fatal(err)
	}
	if got := releases(); !slices.Contains(got, version) || !slices.IsSortedFunc(got, templates.CompareReleases) {
		t.Errorf("the releases are %q", got)
	}
	if want := filepath.Join(own, "docker-openhands", "locks", payload.AgentServer, version+".txt"); file.Path != want {
		t.Errorf("the lock is %s, not %s", file.Path, want)
	}
}

func TestLockRefuses(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	for _, test := range []struct{ server, version, want string }{
		{payload.ActionExecutionServer, "1.6.0", "whose releases have no locks; those of agent-server have"},
		{"none", "1.6.0", "whose releases have no locks"},
		{payload.AgentServer, "1.0.0", "does not work in a payload"},
	} {
		_, err := Lock(t.Context(), test.server, test.version, t.TempDir())
		if p, ok := errors.AsType[*problem.Error](err); !ok || p.Code != problem.Usage || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: %v", test.server, test.version, err)
		}
	}
}
