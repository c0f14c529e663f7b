package templates

import (
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
	i := slices.IndexFunc(all, func(c Component) bool { return c.Releases != nil && c.serves(server) })
	if i < 0 {
		return nil, false
	}
	list := all[i].Releases
	for line := range strings.Lines(string(all[i].Files[list.File])) {
		pin, ok := strings.CutPrefix(line, list.Package+"==")
		if words := strings.Fields(pin); ok && len(words) > 0 {
			versions = append(versions, words[0])
		}
	}
	return versions, list.Final
}
