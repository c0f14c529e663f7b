package bundler

import (
	"cmp"
	"slices"
	"strings"
)

// missing collects edges that lead nowhere. A program starts with its closure
// or not at all, so what it lacks is lost. To a library counts what a program
// has loaded before: an edge that its own closure cannot resolve is lost only
// where no other closure does.
type missing struct {
	lost  map[edgeKey]loss
	found map[edgeKey]bool
}

// edgeKey is the path of a file and a name that it asks for.
type edgeKey struct{ from, name string }

// loss is an edge that leads nowhere.
type loss struct {
	Edge
	program *Loaded // cannot start without it; nil: no program is known to load it
}

func (m *missing) add(c *Closure) {
	if m.lost == nil {
		m.lost, m.found = map[edgeKey]loss{}, map[edgeKey]bool{}
	}
	var program *Loaded
	// Some libraries can be run as well, to tell their version.
	if first := c.Objects[0]; first.Object.Interp != "" && first.Object.Soname == "" {
		program = first
	}
	for _, e := range c.Edges {
		key := edgeKey{e.From.Real, e.Name}
		switch {
		case e.To != nil:
			m.found[key] = true
		case !e.Optional() && m.lost[key].program == nil:
			m.lost[key] = loss{e, program}
		}
	}
}

// list returns who asks for what, by path and name, with the program where the
// same file finds it in others.
func (m *missing) list() []Note {
	var list []Note
	m.each(func(n Note) bool {
		list = append(list, n)
		return true
	})
	slices.SortFunc(list, func(a, b Note) int { return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Text, b.Text)) })
	return list
}

// each calls yield with what list returns, in no order, until that returns false.
func (m *missing) each(yield func(Note) bool) {
	for key, l := range m.lost {
		var note Note
		switch {
		case !m.found[key]:
			note = Note{l.From.Path, l.Name}
		case l.program != nil:
			note = Note{l.From.Path, l.Name + ", when " + l.program.Path + " starts"}
		default:
			continue
		}
		if !yield(note) {
			return
		}
	}
}
