package builder

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config/configfile"
)

// brokenCLI has a credential helper that is not there.
type brokenCLI struct{ command.Cli }

func (brokenCLI) ConfigFile() *configfile.ConfigFile {
	config := configfile.New("")
	config.CredentialsStore = "not-there"
	return config
}

func TestBrokenCredentialHelper(t *testing.T) {
	r, s := newTestRegistry(t), newFakeStore(t, false)
	_, whole := r.publication(t, s)
	for name, b := range map[string]*Builder{
		"push":  publishing(s.engine(), Output{Push: true, Compression: image.Gzip}),
		"fetch": publishing(engine.NoEngine("amd64", problem.New(problem.NoEngine, "none", nil, "")), Output{Format: image.FormatOCI, Compression: image.Gzip, File: filepath.Join(t.TempDir(), "app.tar")}),
	} {
		b.CLI = brokenCLI{}
		_, err := b.Build(t.Context(), whole)
		var p *problem.Error
		if !errors.As(err, &p) || p.Code != problem.RegistryDenied || !strings.Contains(p.Next, "credHelpers") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
