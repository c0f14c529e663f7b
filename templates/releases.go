package templates

import (
	"iter"
	"slices"
	"strings"
)

// ReleaseList tells which releases a component can be made of: those that a
// requirements file of its folder pins, the newest last.
type ReleaseList struct {
	Package string // on the Python index
	File    string
	Final   bool // later releases of the package do not hold the server
}

// Releases returns the versions that the payload of a server can be of, the
// newest last, and whether there will be no newer one.
func Releases(all []Component, server string) (versions []string, final bool) {
	c, ok := released(all, server)
	if !ok {
		return nil, false
	}
	for version := range c.pins() {
		versions = append(versions, version)
	}
	return versions, c.Releases.Final
}

// ReleaseHashes returns the SHA-256 in hexadecimal of the archives that the
// release of a server's sources may have; none where the release is not known.
func ReleaseHashes(all []Component, server, version string) []string {
	if c, ok := released(all, server); ok {
		for pinned, hashes := range c.pins() {
			if pinned == version {
				return hashes
			}
		}
	}
	return nil
}

// released returns the component that decides which releases there are.
func released(all []Component, server string) (Component, bool) {
	i := slices.IndexFunc(all, func(c Component) bool { return c.Releases != nil && c.serves(server) })
	if i < 0 {
		return Component{}, false
	}
	return all[i], true
}

// pins are the versions in the component's list, each with its hashes. The list
// is a requirements file of pip, where a backslash continues a line.
func (c Component) pins() iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		text := strings.ReplaceAll(string(c.Files[c.Releases.File]), "\\\n", " ")
		for line := range strings.Lines(text) {
			pin, ok := strings.CutPrefix(line, c.Releases.Package+"==")
			words := strings.Fields(pin)
			if !ok || len(words) == 0 {
				continue
			}
			var hashes []string
			for _, word := range words[1:] {
				if hash, ok := strings.CutPrefix(word, "--hash=sha256:"); ok {
					hashes = append(hashes, hash)
				}
			}
			if !yield(words[0], hashes) {
				return
			}
		}
	}
}
