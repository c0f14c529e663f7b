package bundler

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// ErrPrefix is wrapped by the errors about what cannot be the prefix of a tree.
var ErrPrefix = errors.New("not the absolute path of a folder below /, without ':' and '$'")

// CleanPrefix returns the shortest spelling of a tree's prefix. All that takes a
// prefix cleans it so before use: it goes into files, and paths are compared
// with it.
func CleanPrefix(prefix string) (string, error) {
	clean := path.Clean(prefix)
	// A search path is split at colons, and loaders expand what follows a '$'.
	if !path.IsAbs(clean) || clean == "/" || strings.ContainsAny(clean, ":$") {
		return "", fmt.Errorf("prefix %q: %w", prefix, ErrPrefix)
	}
	return clean, nil
}
