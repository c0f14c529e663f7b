package builder

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config/configfile"
)

// standIn is a docker command whose buildx is a shell script.
type standIn struct {
	command.Cli
	plugins string // folder
}

func (s standIn) ConfigFile() *configfile.ConfigFile {
	config := configfile.New("")
	config.CLIPluginsExtraDirs = []string{s.plugins}
	return config
}

func (standIn) CurrentContext() string { return "test" }

// newStandIn has buildx run the script with buildx's own arguments, in the
// build context.
func newStandIn(t *testing.T, script string) standIn { return newStandInOf(t, "v0.37.2", script) }

// newStandInOf is one whose buildx is of a version.
func newStandInOf(t *testing.T, version, script string) standIn {
	t.Helper()
	dir := t.TempDir()
	script = `#!/bin/sh
set -eu
if [ "$1" = docker-cli-plugin-metadata ]; then
	echo '{"SchemaVersion":"0.1.0","Vendor":"test","Version":"` + version + `"}'
	exit
fi
` + script
	if err := os.WriteFile(filepath.Join(dir, "docker-buildx"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return standIn{plugins: dir}
}
