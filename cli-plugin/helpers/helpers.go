// Package helpers carries the static binaries that run inside containers, for
// each architecture, so that the plugin alone is enough.
//
// A fresh clone has none of them and still compiles; "go generate" makes them.
// The flags keep host paths, build IDs and version control data out, so that
// the same sources give the same bytes, and with them the same image tags,
// on every machine.
package helpers

import (
	"embed"
	"fmt"
	"io/fs"
	"path"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

//go:generate env GOOS=linux CGO_ENABLED=0 GOARCH=amd64 go build -trimpath -buildvcs=false -ldflags "-s -w -buildid=" -o bin/amd64/ ../../oh-init ../../oh-rescue ../../oh-wrappers ../../bundler/cmd/oh-bundle
//go:generate env GOOS=linux CGO_ENABLED=0 GOARCH=arm64 go build -trimpath -buildvcs=false -ldflags "-s -w -buildid=" -o bin/arm64/ ../../oh-init ../../oh-rescue ../../oh-wrappers ../../bundler/cmd/oh-bundle

// bin/ARCH/NAME; the dot files keep the folders in the repository.
//
//go:embed all:bin
var bin embed.FS

// Names returns the names of the binaries.
func Names() []string { return []string{"oh-bundle", "oh-init", "oh-rescue", "oh-wrappers"} }

// For returns the binaries for arch (GOARCH form) by name.
func For(arch string) (map[string][]byte, error) { return read(bin, arch) }

func read(files fs.FS, arch string) (map[string][]byte, error) {
	found := map[string][]byte{}
	for _, name := range Names() {
		data, err := fs.ReadFile(files, path.Join("bin", arch, name))
		if err != nil {
			return nil, problem.New(problem.NoHelpers,
				fmt.Sprintf("this plugin was built without the helper binary %s for %s", name, arch), nil,
				"Run 'make' in the project's folder and install the plugin again")
		}
		found[name] = data
	}
	return found, nil
}
