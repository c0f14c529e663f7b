package bundler

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Resolver finds libraries in a View as the loader of the GNU C library
// (ld.so(8)) or musl's does. Files and directories are read once; it is not
// safe for concurrent use.
type Resolver struct {
	view   *View
	loader Loader
	files  *files
	dirs   map[string][]*directory // those to look into, by element of a search path
	common map[string]*found       // what does not depend on who asks, by name
	own    *found                  // the loader
	search found                   // the outcome of the last one
	looks  int                     // elements of search paths that may still be looked into, 0: any number
	spent  bool                    // none may be any more

	// Of the closure that is being made.
	known   map[string]*Loaded // by the names that objects answer to
	mapped  map[*file]*Loaded
	objects []*Loaded
	edges   []Edge
	passing passing
}

// NewResolver returns a Resolver that searches as l does.
func NewResolver(v *View, l Loader) *Resolver {
	return &Resolver{
		view: v, loader: l, files: newFiles(), dirs: map[string][]*directory{}, common: map[string]*found{},
		known: map[string]*Loaded{}, mapped: map[*file]*Loaded{},
	}
}

// Closure returns the closure of the file at an absolute path of the View.
func (r *Resolver) Closure(name string) (*Closure, error) {
	e, err := r.view.Lookup(name)
	if err != nil {
		return nil, err
	}
	c := &Closure{}
	if err := r.closure(c, name, e, r.files.get(e.Host)); err != nil {
		return nil, err
	}
	return c, nil
}

// next is Closure, but what it returns is good until it is called again.
func (r *Resolver) next(name string, e Entry, f *file) (*Closure, error) {
	r.passing.closure, r.passing.n = Closure{passing: true}, 0
	if err := r.closure(&r.passing.closure, name, e, f); err != nil {
		return nil, err
	}
	return &r.passing.closure, nil
}

func (r *Resolver) closure(c *Closure, name string, e Entry, f *file) error {
	if f.err != nil {
		return fmt.Errorf("%s: %w", name, f.err)
	}
	o := f.object
	if o.Foreign || r.loader.Machine != 0 && o.Machine != r.loader.Machine {
		return fmt.Errorf("%s is for %v, %v", name, o.Machine, o.Class)
	}
	if o.Interp != "" {
		e.Path = e.Real // the kernel names a program by its resolved path
	}
	r.begin(c)
	first := r.load(c, name, e, f, nil)
	c.join(first)
	r.answer(first, "")
	r.startLoader(c)
	r.walk(c, 0)
	r.end(c)
	if r.spent {
		return fmt.Errorf("%w: search paths of ELF files", ErrTooLarge)
	}
	return nil
}

// look reports whether one more element of a search path may be looked into.
func (r *Resolver) look() bool {
	switch r.looks {
	case 0:
		return !r.spent
	case 1:
		r.spent = true
	}
	r.looks--
	return true
}

// load returns an object that is not listed yet.
func (r *Resolver) load(c *Closure, name string, e Entry, f *file, loader *Loaded) *Loaded {
	var l *Loaded
	if c.passing {
		l = r.passing.load()
	} else {
		l = &Loaded{}
	}
	*l = Loaded{Name: name, Path: e.Path, Real: e.Real, Host: e.Host, Object: f.object, Index: -1, loader: loader, file: f}
	return l
}

// begin takes a closure up to add to it. Its slices are made while they are
// the Resolver's, which has them large enough.
func (r *Resolver) begin(c *Closure) {
	clear(r.known)
	clear(r.mapped)
	r.objects, r.edges = append(r.objects[:0], c.Objects...), append(r.edges[:0], c.Edges...)
	c.Objects, c.Edges = r.objects, r.edges
	if c.Loader != nil {
		r.answer(c.Loader, c.Loader.Name)
	}
	for _, l := range c.Objects {
		r.answer(l, "")
	}
	for _, e := range c.Edges {
		if e.To != nil {
			if name, ok := r.expand(e.From, e.Name); ok {
				r.answer(e.To, name)
			}
		}
	}
}

// end lets go of the Resolver's slices.
func (r *Resolver) end(c *Closure) {
	r.objects, r.edges = c.Objects, c.Edges
	if c.passing {
		return
	}
	c.Objects, c.Edges = slices.Clone(c.Objects), slices.Clone(c.Edges)
	clear(r.objects)
	clear(r.edges)
}

// answer lets an object answer to the name that it was asked for by and to its
// SONAME, unless others do. For musl only the file's name counts, and that only
// where it was searched.
func (r *Resolver) answer(l *Loaded, name string) {
	r.mapped[l.file] = l
	if r.loader.Musl {
		if name != "" && (!strings.Contains(name, "/") || l.Name == name && l.loader == nil) {
			r.known[name] = l
		}
		return
	}
	for _, n := range [...]string{name, l.Object.Soname} {
		if n != "" && r.known[n] == nil {
			r.known[n] = l
		}
	}
}

func (r *Resolver) expand(from *Loaded, name string) (string, bool) {
	if r.loader.Musl || !strings.Contains(name, "$") {
		return name, true
	}
	return r.tokens(from).expand(name)
}

// walk follows what the objects from the given one on need, and what those
// need that are added on the way.
func (r *Resolver) walk(c *Closure, from int) {
	for i := from; i < len(c.Objects); i++ {
		from := c.Objects[i]
		for _, filter := range from.Object.Filters {
			kind := KindFilter
			if filter.Optional {
				kind = KindAuxiliary
			}
			if !r.loader.Musl { // musl does not know them
				r.follow(c, from, filter.Name, kind)
			}
		}
		for _, need := range from.Object.Needed {
			r.follow(c, from, need, KindNeeded)
		}
	}
}

// Extend adds to a closure the libraries that its objects open at run time, with
// all that these need. Opens names libraries by SONAME, absolute path or glob:
// the first object opens them, and one that is not found is missing. Where notes
// is true, the libraries that the notes of any object name are added as well.
func (r *Resolver) Extend(c *Closure, opens []string, notes bool) error {
	return r.extend(c, opens, PriorityRequired, notes)
}

func (r *Resolver) extend(c *Closure, opens []string, priority string, notes bool) error {
	if len(opens) == 0 && !notes {
		return nil
	}
	r.begin(c)
	defer r.end(c)
	n := len(c.Objects)
	for _, pattern := range opens {
		names := []string{pattern}
		if path.IsAbs(pattern) {
			if matches := r.view.Glob(pattern); len(matches) > 0 {
				names = matches
			}
		}
		for _, name := range names {
			r.open(c, c.Objects[0], Open{Sonames: []string{name}, Priority: priority})
		}
	}
	r.walk(c, n)
	for i := 0; notes && i < len(c.Objects); i++ {
		list, err := r.opensOf(c.Objects[i])
		if err != nil {
			return err
		}
		n := len(c.Objects)
		for _, o := range list {
			r.open(c, c.Objects[i], o)
		}
		r.walk(c, n)
	}
	return nil
}

// open adds the edge to the first library of an Open that is there.
func (r *Resolver) open(c *Closure, from *Loaded, o Open) {
	n := len(c.Edges)
	for _, name := range o.Sonames {
		c.Edges = c.Edges[:n]
		r.follow(c, from, name, KindOpen)
		c.Edges[n].Priority = cmp.Or(o.Priority, PriorityRecommended)
		if c.Edges[n].To != nil {
			return
		}
	}
}

// startLoader puts the loader among the objects that answer to a name.
func (r *Resolver) startLoader(c *Closure) {
	if r.loader.Path == "" {
		return
	}
	if r.own == nil {
		r.own = &found{}
		if e, err := r.view.Lookup(r.loader.Path); err == nil {
			if f := r.files.get(e.Host); f.err == nil {
				r.own = &found{entry: e, file: f}
			}
		}
	}
	if r.own.file == nil {
		return
	}
	if c.Loader = r.mapped[r.own.file]; c.Loader != nil {
		return // its own closure
	}
	c.Loader = r.load(c, r.loader.Path, r.own.entry, r.own.file, nil)
	r.answer(c.Loader, r.loader.Path)
}

// follow adds an edge and, where it leads to a new object, that object.
func (r *Resolver) follow(c *Closure, from *Loaded, need string, kind Kind) {
	name, ok := r.expand(from, need)
	if !ok {
		c.Edges = append(c.Edges, Edge{From: from, Name: need, Kind: kind})
		return
	}
	to := r.known[name]
	if to == nil && r.loader.Musl && muslReserved(name) {
		to = c.Loader
	}
	if to != nil {
		c.join(to)
		c.Edges = append(c.Edges, Edge{From: from, Name: need, Kind: kind, Via: ViaLoaded, To: to})
		return
	}
	f := r.find(from, c.Objects[0], name)
	for _, n := range f.broken {
		if !slices.Contains(c.Broken, n) {
			c.Broken = append(c.Broken, n)
		}
	}
	edge := Edge{From: from, Name: need, Kind: kind, Via: f.via, Err: f.err}
	if f.file != nil {
		if edge.To = r.mapped[f.file]; edge.To == nil {
			edge.To = r.load(c, need, f.entry, f.file, from)
		}
		c.join(edge.To)
		r.answer(edge.To, name)
	}
	c.Edges = append(c.Edges, edge)
}

// Open finds what dlopen(3) of a name would open when from, or a program that
// nothing is known of, calls it.
func (r *Resolver) Open(from *Loaded, name string) (*Loaded, Via, error) {
	if from == nil {
		from = &Loaded{Path: "/", Object: &Object{}}
	}
	program := from
	for program.loader != nil {
		program = program.loader
	}
	f := r.find(from, program, name)
	if f.file == nil {
		return nil, 0, f.err
	}
	return r.load(&Closure{}, name, f.entry, f.file, from), f.via, nil
}

// MissingVersion is a symbol version that a library of a closure lacks.
type MissingVersion struct {
	From    *Loaded
	Name    string // of the library, as asked for
	To      *Loaded
	Version string
}

// MissingVersions returns the symbol versions that objects of a closure ask of
// libraries that do not define them.
func (r *Resolver) MissingVersions(c *Closure) []MissingVersion {
	if r.loader.Musl {
		return nil // musl does not check them
	}
	var list []MissingVersion
	for _, e := range c.Edges {
		if e.To == nil {
			continue
		}
		for _, version := range e.missingVersions() {
			list = append(list, MissingVersion{e.From, e.Name, e.To, version})
		}
	}
	return list
}

// opensOf returns what the notes of an object say that it opens.
func (r *Resolver) opensOf(l *Loaded) ([]Open, error) {
	if len(l.Object.notes) == 0 {
		return nil, nil
	}
	f, err := openSource(l.Host)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	opens, err := l.Object.ReadOpens(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.Path, err)
	}
	return opens, nil
}

// know spares reading an object again.
func (r *Resolver) know(files []*scanned) {
	for _, f := range files {
		if f.object != nil && !r.files.closed {
			known := &file{host: f.host, object: f.object}
			for _, p := range f.locations() {
				r.files.byHost[p.host] = known
			}
		}
	}
}
