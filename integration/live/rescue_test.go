package live

import (
	"slices"
	"testing"

	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// TestRescue looks into a container over scratch whose loader is damaged, so
// that none of the payload's sealed programs starts.
func TestRescue(t *testing.T) {
	image := build(t, "scratch")
	run := func(program string, args ...string) (string, error) {
		options := []string{"run", "--rm", "--volume", "/dev/null:" + payload.Interp, "--entrypoint", program, image}
		return lab.Engine{}.Docker(t.Context(), slices.Concat(options, args)...)
	}
	if out, err := run(payload.FallbackBin+"/ls", "/"); err == nil {
		t.Fatalf("the loader is whole: %s", out)
	}
	out, err := run(payload.Rescue, "ls", "-l", payload.Interp, payload.Lib+"/libc.so.6")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, out, payload.Interp)
	contains(t, out, payload.Lib+"/libc.so.6")
	if out, err = run(payload.Rescue, "cat", payload.ManifestFile); err != nil {
		t.Fatal(err)
	}
	contains(t, out, `"libc"`)
	if out, err := run(payload.Rescue, "cat", "/openhands/none"); err == nil {
		t.Errorf("a file that is not there is printed: %s", out)
	}
}
