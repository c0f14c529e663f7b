package command

import (
	"path"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler"
)

// chainTo returns the shortest chain from the first object of a closure to a
// library, nil where the library is not in it. Edges are in breadth-first
// order, so that the first to reach an object is on its shortest chain.
func chainTo(c *bundler.Closure, library string) []bundler.Edge {
	reached := map[*bundler.Loaded]bundler.Edge{}
	first := c.Objects[0]
	for _, e := range c.Edges {
		if _, ok := reached[e.To]; e.To != nil && e.To != first && !ok {
			reached[e.To] = e
		}
		if e.Name != library && (e.To == nil || !isNamed(e.To, library)) {
			continue
		}
		chain := []bundler.Edge{e}
		for from := e.From; from != first; {
			up := reached[from]
			chain = append(chain, up)
			from = up.From
		}
		slices.Reverse(chain)
		return chain
	}
	return nil
}

func isNamed(l *bundler.Loaded, name string) bool {
	if strings.Contains(name, "/") {
		return name == l.Path || name == l.Real
	}
	return name == l.Object.Soname || name == path.Base(l.Path) || name == path.Base(l.Real)
}
