package command

import (
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler"
)

// treeWriter resolves files and appends what is to be printed of them to text.
type treeWriter struct {
	options *treeOptions
	system  *bundler.System
	styled  bool
	text    []byte
	indent  []byte

	closure *bundler.Closure
	first   []int // by index of an object: its first edge in the closure, -1: none
	next    []int // by index of an edge: the next one of the same object, -1: none
	chosen  []int // by index of an object: the edge that mentions it first
}

// batch resolves some files.
func (w *treeWriter) batch(names []string) batch {
	var b batch
	for _, name := range names {
		if err := w.file(name, &b); err != nil {
			b.failed = append(b.failed, err)
		}
	}
	b.text = w.text
	return b
}

// file resolves one file.
func (w *treeWriter) file(name string, b *batch) error {
	c, r, err := w.system.Closure(name)
	if err != nil {
		return err
	}
	o := w.options
	if err := r.Extend(c, o.opens, o.notes); err != nil {
		return err
	}
	if o.why != "" {
		chain := chainTo(c, o.why)
		switch {
		case chain == nil:
			return nil
		case o.json:
			w.json(chainNodes(c.Objects[0], chain))
		default:
			w.why(c.Objects[0], chain)
		}
		b.chains++
		return nil
	}
	versions := r.MissingVersions(c)
	missing := len(c.Missing()) + len(versions)
	if c.Objects[0].Object.Interp != "" && c.Loader == nil {
		missing++
	}
	b.missing += missing
	if o.lacks && missing == 0 {
		return nil
	}
	w.order(c)
	if o.json {
		w.json(w.tree(versions))
	} else {
		w.print(versions)
	}
	return nil
}

// order prepares the closure's tree: an object stands below the edge that
// mentions it first, with its own edges in their order.
func (w *treeWriter) order(c *bundler.Closure) {
	w.closure = c
	w.first = fill(w.first, len(c.Objects))
	w.chosen = fill(w.chosen, len(c.Objects))
	w.next = fill(w.next, len(c.Edges))
	for i := len(c.Edges) - 1; i >= 0; i-- {
		e := &c.Edges[i]
		w.next[i] = w.first[e.From.Index]
		w.first[e.From.Index] = i
		if e.To != nil && e.To.Index > 0 {
			w.chosen[e.To.Index] = i
		}
	}
}

// fill returns n times -1.
func fill(list []int, n int) []int {
	list = slices.Grow(list[:0], n)[:n]
	for i := range list {
		list[i] = -1
	}
	return list
}

// chosenBy reports whether an edge is the first to mention its object.
func (w *treeWriter) chosenBy(i int) bool {
	to := w.closure.Edges[i].To
	return to != nil && to.Index > 0 && w.chosen[to.Index] == i
}

// print appends the tree as people know it.
func (w *treeWriter) print(versions []bundler.MissingVersion) {
	c := w.closure
	first := c.Objects[0]
	w.style(bold, first.Real)
	if name := first.Object.Interp; name != "" {
		w.add(" (", name)
		if c.Loader == nil {
			w.add(" ")
			w.style(red, "not found")
		}
		w.add(")")
	}
	w.remarks(first, true)
	w.add("\n")
	w.indent = w.indent[:0]
	w.edges(w.first[0])
	for _, m := range versions {
		w.add("    ")
		w.style(red, "missing")
		w.add(": version ", m.Version, " of ", m.Name, ", for ", m.From.Real, ", is not in ", m.To.Real, "\n")
	}
	for _, n := range c.Broken {
		w.add("    ", n.Text, ": ", n.Path, "\n")
	}
}

// edges appends an edge and the next ones of the same object, each with what
// is below it.
func (w *treeWriter) edges(i int) {
	for ; i >= 0; i = w.next[i] {
		branch, indent := "├── ", "│   "
		if w.next[i] < 0 {
			branch, indent = "└── ", "    "
		}
		w.text = append(w.text, w.indent...)
		w.add(branch)
		w.edge(&w.closure.Edges[i], w.chosenBy(i))
		if w.chosenBy(i) {
			n := len(w.indent)
			w.indent = append(w.indent, indent...)
			w.edges(w.first[w.closure.Edges[i].To.Index])
			w.indent = w.indent[:n]
		}
	}
}

// edge appends a line.
func (w *treeWriter) edge(e *bundler.Edge, first bool) {
	w.add(e.Name)
	if e.To == nil {
		w.add(" ")
		w.style(red, "not found")
	} else {
		w.add(" => ", e.To.Real, " ")
		w.style(faint, "[", e.Via.String(), "]")
	}
	if e.Kind != bundler.KindNeeded {
		w.add(" ", e.Kind.String())
		if e.Priority != "" {
			w.add(" ", e.Priority)
		}
	}
	if e.Err != nil {
		w.add(": ", e.Err.Error())
	}
	if first {
		w.remarks(e.To, e.To == w.closure.Loader)
	}
	w.add("\n")
}

func (w *treeWriter) remarks(l *bundler.Loaded, program bool) {
	if list := remarks(l, program); len(list) > 0 {
		w.add(" (", strings.Join(list, ", "), ")")
	}
}

// why appends a chain.
func (w *treeWriter) why(first *bundler.Loaded, chain []bundler.Edge) {
	w.style(bold, first.Real)
	w.add("\n")
	for i := range chain {
		for range i {
			w.add("    ")
		}
		w.add("└── ")
		w.edge(&chain[i], false)
	}
}

// Styles of a terminal, ECMA-48's Select Graphic Rendition.
const (
	bold  = "1"
	faint = "2"
	red   = "31"
)

func (w *treeWriter) style(code string, text ...string) {
	if !w.styled {
		w.add(text...)
		return
	}
	w.add("\x1b[", code, "m")
	w.add(text...)
	w.add("\x1b[m")
}

func (w *treeWriter) add(text ...string) {
	for _, s := range text {
		w.text = append(w.text, s...)
	}
}

// remarks says what is unusual about an object. Programs and loaders have no
// need of a SONAME.
func remarks(l *bundler.Loaded, program bool) []string {
	var list []string
	if l.Object.Soname == "" && !program {
		list = append(list, "no SONAME")
	}
	if l.Object.TextRel {
		list = append(list, "text relocations")
	}
	if l.Object.Dynamic && l.Object.ExecStack {
		list = append(list, "executable stack")
	}
	if program && l.Object.Static() {
		list = append(list, "static")
	}
	return list
}
