package buildx

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/buildx/buildxtest"
)

// Buildx is started to say its version once, and again when it is another file or
// cannot be started any more.
func TestFind(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	cli := buildxtest.NewStandIn(t, "")
	client := &Client{CLI: cli}
	program := filepath.Join(cli.ConfigFile().CLIPluginsExtraDirs[0], "docker-buildx")
	starts := filepath.Join(t.TempDir(), "starts")
	install := func(version string) {
		t.Helper()
		script := "#!/bin/sh\necho >>" + starts + `; echo '{"SchemaVersion":"0.1.0","Vendor":"test","Version":"` + version + `"}'`
		part := program + ".new" // nothing starts a file that is being written
		if err := os.WriteFile(part, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(part, program); err != nil {
			t.Fatal(err)
		}
	}
	find := func(wantVersion string, wantStarts int) {
		t.Helper()
		version, path, err := client.Find()
		if version != wantVersion || path != program || err != nil {
			t.Errorf("got %q at %s, %v; want %s at %s", version, path, err, wantVersion, program)
		}
		if text, err := os.ReadFile(starts); err != nil || strings.Count(string(text), "\n") != wantStarts {
			t.Errorf("started %d times, want %d (%v)", strings.Count(string(text), "\n"), wantStarts, err)
		}
	}
	install("v1.2.3")
	find("v1.2.3", 1)
	find("v1.2.3", 1)
	install("v1.2.34")
	find("v1.2.34", 2)
	find("v1.2.34", 2)
	if err := os.Chmod(program, 0o644); err != nil {
		t.Fatal(err)
	}
	if version, _, err := client.Find(); err == nil {
		t.Errorf("a program that cannot be started is %q", version)
	}
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	if version, _, err := client.Find(); err == nil {
		t.Errorf("no program is %q", version)
	}
}
