package bundler

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

// join lists an object, once. The loader is mapped from the beginning, but
// listed where the first object asks for it.
func (c *Closure) join(l *Loaded) {
	if l.Index < 0 {
		l.Index = len(c.Objects)
		c.Objects = append(c.Objects, l)
	}
}
