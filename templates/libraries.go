package templates

import (
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/docker-openhands/docker-openhands/bundler"
)

// multiarch are Debian's names of the architectures, by GOARCH.
var multiarch = map[string]string{
	"amd64": "x86_64-linux-gnu",
	"arm64": "aarch64-linux-gnu",
}

// libraryRewrites returns what libraries.toml says for an architecture. A
// library is brought by whichever component needs it, and every one that
// brings it must make the same file of it, so these belong to no component.
func libraryRewrites(arch string) ([]bundler.Rewrite, error) {
	triplet, ok := multiarch[arch]
	if !ok {
		return nil, fmt.Errorf("architecture %q is not supported: amd64 and arm64 are", arch)
	}
	text, err := embedded.ReadFile("libraries.toml")
	if err != nil {
		return nil, fmt.Errorf("reading library rewrites: %w", err)
	}
	var table struct{ Rewrites []bundler.Rewrite }
	if err := toml.Unmarshal(text, &table); err != nil {
		return nil, fmt.Errorf("libraries.toml: %w", err)
	}
	for i := range table.Rewrites {
		table.Rewrites[i].Optional = true
		table.Rewrites[i].Old = strings.ReplaceAll(table.Rewrites[i].Old, "{multiarch}", triplet)
	}
	return table.Rewrites, nil
}
