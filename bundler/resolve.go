package bundler

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Via is how a library was found.
type Via uint8

// The ways, in the order in which a loader tries.
const (
	ViaLoaded      Via = iota + 1 // a library of that name was loaded before
	ViaPath                       // the name contains a slash
	ViaRpath                      // DT_RPATH of the file, of those that loaded it, or of the program
	ViaLibraryPath                // Loader.LibraryPath
	ViaRunpath                    // DT_RUNPATH of the file
	ViaCache                      // ld.so.cache
	ViaDefault                    // a default directory
)

func (v Via) String() string {
	return [...]string{"", "loaded", "path", "rpath", "LD_LIBRARY_PATH", "runpath", "cache", "default"}[v]
}

// Kind is what an object is to the one that an Edge leads from.
type Kind uint8

const (
	KindNeeded    Kind = iota // DT_NEEDED
	KindAuxiliary             // DT_AUXILIARY, which may be missing
	KindFilter                // DT_FILTER
	KindOpen                  // opened at run time, see Resolver.Extend
)

func (k Kind) String() string { return [...]string{"needed", "auxiliary", "filter", "dlopen"}[k] }

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

// Loaded is an object of a closure.
type Loaded struct {
	Name   string // as asked for: a DT_NEEDED, or the path of the first one
	Path   string // where it was found, links in the last element not resolved
	Real   string // links resolved
	Host   string // where Real lies on this machine
	Object *Object
	Index  int // among Closure.Objects; -1: a loader that nothing has asked for

	loader *Loaded // who asked for it first
	file   *file
}

// Edge is what one object of a closure asks for.
type Edge struct {
	From *Loaded
	To   *Loaded // nil: not found, or not usable
	Name string
	Err  error // why the search ended at a file that a loader cannot use
	Kind Kind
	Via  Via // 0 where To is nil

	Priority string // of KindOpen
}

// Optional reports whether the objects work without what the edge leads to.
func (e Edge) Optional() bool {
	return e.Kind == KindAuxiliary || e.Kind == KindOpen && e.Priority != PriorityRequired
}

// Closure is everything that a loader maps for one file: the objects in load
// order (breadth first) and every DT_NEEDED, DT_FILTER and DT_AUXILIARY between
// them.
type Closure struct {
	Objects []*Loaded
	Edges   []Edge
	Loader  *Loaded // nil where Loader.Path is empty or not there
	Broken  []Note  // what the search passed over: symbolic links that lead nowhere, and Loader.Broken

	passing bool // its memory is a Resolver's
}

// passing is the memory of a closure that is good until the next one.
type passing struct {
	closure Closure
	chunks  [][]Loaded
	n       int // how many are in use
}

func (p *passing) load() *Loaded {
	const size = 32
	if p.n == size*len(p.chunks) {
		p.chunks = append(p.chunks, make([]Loaded, size))
	}
	p.n++
	return &p.chunks[(p.n-1)/size][(p.n-1)%size]
}

// Missing returns the edges that lead nowhere and need to.
func (c *Closure) Missing() []Edge {
	var missing []Edge
	for _, e := range c.Edges {
		if e.To == nil && !e.Optional() {
			missing = append(missing, e)
		}
	}
	return missing
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

// join lists an object, once. The loader is mapped from the beginning, but
// listed where the first object asks for it.
func (c *Closure) join(l *Loaded) {
	if l.Index < 0 {
		l.Index = len(c.Objects)
		c.Objects = append(c.Objects, l)
	}
}

// found is the outcome of a search.
type found struct {
	entry  Entry
	file   *file // nil: not found
	via    Via
	err    error // why the loader gives up
	broken []Note
}

// find searches a name that no loaded object answers to, on behalf of from in
// the closure of program. What it returns is good until the next search.
func (r *Resolver) find(from, program *Loaded, name string) *found {
	r.search = found{}
	f := &r.search
	switch {
	case strings.Contains(name, "/"):
		if d, base := path.Split(name); base != "" {
			for _, d := range r.directories(d, false) {
				r.try(f, ViaPath, d, base)
			}
		}
	case r.loader.Musl:
		r.findMusl(f, from, program, name)
	default:
		return r.findGlibc(f, from, program, name)
	}
	return f
}

// findGlibc searches as _dl_map_object (elf/dl-load.c) does.
func (r *Resolver) findGlibc(f *found, from, program *Loaded, name string) *found {
	search := func(via Via, list, separators string, owner *Loaded) bool {
		if list == "" {
			return false
		}
		t := r.tokens(owner)
		for element := range fields(list, separators) {
			if !r.look() {
				return false
			}
			dir, ok := t.expand(element)
			if !ok || dir == "" && element != "" {
				continue
			}
			for _, d := range r.directories(dir, true) {
				if r.try(f, via, d, name) {
					return f.file != nil || f.err != nil
				}
			}
		}
		return false
	}
	if !from.Object.hasRunpath {
		for l := from; l != nil; l = l.loader { // ends with the program
			if !l.Object.hasRunpath && search(ViaRpath, l.Object.Rpath, ":", l) {
				return f
			}
		}
	}
	if search(ViaLibraryPath, r.loader.LibraryPath, ":;", program) || search(ViaRunpath, from.Object.Runpath, ":", from) {
		return f
	}
	// The rest is the same for all who ask.
	key := name
	if from.Object.NoDefault {
		key += "/"
	}
	rest, ok := r.common[key]
	if !ok {
		rest = &found{}
		r.findCommon(rest, from.Object.NoDefault, name)
		r.common[key] = rest
	}
	if len(f.broken) == 0 {
		return rest
	}
	f.entry, f.file, f.via, f.err = rest.entry, rest.file, rest.via, rest.err
	f.broken = append(f.broken, rest.broken...)
	return f
}

// findCommon searches the cache and the default directories. DF_1_NODEFLIB
// excludes the default directories, in the cache too.
func (r *Resolver) findCommon(f *found, noDefault bool, name string) {
	f.broken = append(f.broken, r.loader.Broken...)
	if p, ok := r.loader.Cache.Lookup(name, r.loader.Machine, r.loader.Hwcaps); ok && !(noDefault && r.isDefault(p)) {
		if d := r.view.dir(path.Dir(p)); d != nil && r.try(f, ViaCache, d, path.Base(p)) && (f.file != nil || f.err != nil) {
			return
		}
	}
	if noDefault {
		return
	}
	for _, dir := range r.loader.Dirs {
		for _, d := range r.directories(dir, true) {
			if r.try(f, ViaDefault, d, name) {
				return
			}
		}
	}
}

func (r *Resolver) isDefault(p string) bool {
	for _, dir := range r.loader.Dirs {
		if strings.HasPrefix(p, dir+"/") {
			return true
		}
	}
	return false
}

// fields splits a search path. An empty path has no elements, but between
// separators the empty element stands for the working directory.
func fields(list, separators string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if list == "" {
			return
		}
		for {
			i := strings.IndexAny(list, separators)
			if i < 0 {
				yield(list)
				return
			}
			if !yield(list[:i]) {
				return
			}
			list = list[i+1:]
		}
	}
}

func (r *Resolver) tokens(l *Loaded) tokens {
	return tokens{path.Dir(l.Path), r.loader.Lib, r.loader.Platform}
}

// directories returns the directories to look into for an element of a search
// path: those for the CPU that exist, then its own.
func (r *Resolver) directories(dir string, hwcaps bool) []*directory {
	if !strings.HasPrefix(dir, "/") {
		if r.loader.Cwd == "" {
			return nil
		}
		dir = r.loader.Cwd + "/" + dir
	}
	if !hwcaps || len(r.loader.Hwcaps) == 0 || r.loader.Musl {
		if d := r.view.dir(dir); d != nil {
			return []*directory{d}
		}
		return nil
	}
	list, ok := r.dirs[dir]
	if ok {
		return list
	}
	if own := r.view.dir(dir); own != nil {
		for _, h := range r.loader.Hwcaps {
			if d := r.view.dir(dir + "/" + h); d != nil {
				list = append(list, d)
			}
		}
		list = append(list, own)
	}
	r.dirs[dir] = list
	return list
}

// try looks for name in one directory and reports whether the search of the
// path that the directory is part of ends here: with a file, with an error, or,
// at a cyclic link, with neither.
func (r *Resolver) try(f *found, via Via, d *directory, name string) bool {
	e, err := r.view.in(d, name)
	if err != nil {
		if _, there := d.names[name]; there {
			f.broken = append(f.broken, Note{path.Join(d.path, name), linkFault(err)})
		}
		return errors.Is(err, errLinks)
	}
	lib := r.files.get(e.Host)
	skip, err := unusable(lib, r.loader)
	if skip {
		return false
	}
	f.via = via
	if err != nil {
		f.via, f.err = 0, fmt.Errorf("%s: %w", e.Path, err)
		return true
	}
	f.entry, f.file = e, lib
	return true
}

func linkFault(err error) string {
	if errors.Is(err, errLinks) {
		return "cyclic link"
	}
	return "dangling link"
}

// Why a loader gives up at a file that it has found.
var (
	errBigEndian   = errors.New("ELF file data encoding is not little-endian")
	errExecutable  = errors.New("a program, not a library")
	errNoDynamic   = errors.New("no dynamic section")
	errNotLoadable = errors.New("neither ET_DYN nor ET_EXEC")
	errMachine     = errors.New("for another machine")
)

// unusable reports whether a loader passes over a file as if it were not
// there, or else why it gives up.
func unusable(f *file, l Loader) (skip bool, err error) {
	o := f.object
	switch {
	case errors.Is(f.err, fs.ErrPermission), errors.Is(f.err, fs.ErrNotExist):
		return true, nil
	case o == nil:
		return false, f.err
	case o.Foreign && o.Class == elf.ELFCLASS64:
		return false, errBigEndian
	case o.Foreign, l.Machine != 0 && o.Machine != l.Machine:
		if l.Musl {
			return false, errMachine
		}
		return true, nil
	case f.err != nil:
		return false, f.err
	case o.Type != elf.ET_DYN && o.Type != elf.ET_EXEC:
		return false, errNotLoadable
	case !o.Dynamic:
		return false, errNoDynamic
	case !l.Musl && (o.Type == elf.ET_EXEC || o.isPIE):
		return false, errExecutable
	}
	return false, nil
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
