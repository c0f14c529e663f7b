// Package buildxtest has docker commands whose buildx is a script, for tests.
package buildxtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config/configfile"
)

// StandIn is a docker command whose buildx is a shell script.
type StandIn struct {
	command.Cli
	plugins string // folder
}

// ConfigFile implements command.Cli.
func (s StandIn) ConfigFile() *configfile.ConfigFile {
	config := configfile.New("")
	config.CLIPluginsExtraDirs = []string{s.plugins}
	return config
}

// CurrentContext implements command.Cli.
func (StandIn) CurrentContext() string { return "test" }

// NewStandIn has buildx run the script with buildx's own arguments, in the
// build context.
func NewStandIn(t testing.TB, script string) StandIn { return NewStandInOf(t, "v0.37.2", script) }

// NewStandInOf is one whose buildx is of a version.
func NewStandInOf(t testing.TB, version, script string) StandIn {
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
	return StandIn{plugins: dir}
}

// ClearEnvironment unsets what a build takes from the environment.
func ClearEnvironment(t testing.TB) {
	t.Helper()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"} {
		t.Setenv(name, "")
		t.Setenv(strings.ToLower(name), "")
	}
	for _, name := range []string{"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CONFIG_FILE", "UV_CONFIG_FILE", "NPM_CONFIG_USERCONFIG"} {
		t.Setenv(name, "")
	}
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if upper := strings.ToUpper(name); strings.HasPrefix(upper, "PIP_") || strings.HasPrefix(upper, "UV_") || strings.HasPrefix(upper, "NPM_CONFIG_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", t.TempDir())
}
