// Package helpers carries the static binaries that run inside containers, for
// each architecture, so that the plugin alone is enough.
//
// A fresh clone has none of them and still compiles; "go generate" makes them.
// The flags keep host paths, build IDs and version control data out, so that
// the same sources give the same bytes, and with them the same image tags,
// on every machine.
package helpers

import (
	"archive/tar"
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/klauspost/compress/zstd"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

//go:generate env GOOS=linux CGO_ENABLED=0 GOARCH=amd64 go build -trimpath -buildvcs=false -ldflags "-s -w -buildid=" -o bin/amd64/ ../../oh-init ../../oh-rescue ../../oh-wrappers ../../bundler/cmd/oh-bundle
//go:generate env GOOS=linux CGO_ENABLED=0 GOARCH=arm64 go build -trimpath -buildvcs=false -ldflags "-s -w -buildid=" -o bin/arm64/ ../../oh-init ../../oh-rescue ../../oh-wrappers ../../bundler/cmd/oh-bundle
//go:generate go run ./pack bin/amd64 packed/amd64.tar.zst
//go:generate go run ./pack bin/arm64 packed/arm64.tar.zst

// packed/ARCH.tar.zst; the dot file keeps the folder in the repository.
//
//go:embed all:packed
var packed embed.FS

// Names returns the names of the binaries.
func Names() []string { return []string{"oh-bundle", "oh-init", "oh-rescue", "oh-wrappers"} }

// For returns the binaries for arch (GOARCH form) by name. It unpacks them at
// each call, some ten megabytes.
func For(arch string) (map[string][]byte, error) { return read(packed, arch) }

func read(files fs.FS, arch string) (map[string][]byte, error) {
	found, err := unpack(files, path.Join("packed", arch+".tar.zst"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("unpacking the helper binaries for %s: %w", arch, err)
	}
	for _, name := range Names() {
		if _, ok := found[name]; !ok {
			return nil, problem.New(problem.NoHelpers,
				fmt.Sprintf("this plugin was built without the helper binary %s for %s", name, arch), nil,
				"Run 'make' in the project's folder and install the plugin again")
		}
	}
	return found, nil
}

func unpack(files fs.FS, name string) (map[string][]byte, error) {
	compressed, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	plain, err := decoder.DecodeAll(compressed, nil)
	if err != nil {
		return nil, err
	}
	found := map[string][]byte{}
	archive := tar.NewReader(bytes.NewReader(plain))
	for {
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		data := make([]byte, entry.Size)
		if _, err := io.ReadFull(archive, data); err != nil {
			return nil, err
		}
		found[entry.Name] = data
	}
}
