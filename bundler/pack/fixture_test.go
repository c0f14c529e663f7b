package pack

import (
	"runtime"
	"testing"

	"github.com/docker-openhands/docker-openhands/bundler"
)

const testPrefix = "/openhands"

// hostOptions returns options for a component of this machine.
func hostOptions(t testing.TB) Options {
	t.Helper()
	machine, err := bundler.Machine(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Prefix: testPrefix, Root: "/", Out: t.TempDir(), Libs: t.TempDir(), Machine: machine}
}
