package bundler

import (
	"debug/elf"
	"fmt"
	"os"
	"path"
	"strings"
)

// How a library was found, in the order in which a loader tries.
const (
	ViaLoaded  = "loaded"  // a library of that name was loaded before
	ViaPath    = "path"    // DT_NEEDED contains a slash
	ViaRpath   = "rpath"   // DT_RPATH of the file, of those that loaded it, or of the program
	ViaRunpath = "runpath" // DT_RUNPATH of the file
	ViaDefault = "default" // a default directory
)

// Resolver finds libraries in a View as the GNU C library's loader does
// (ld.so(8)), without LD_LIBRARY_PATH, ld.so.cache and hardware-capability
// folders. Lookups are memoised; it is not safe for concurrent use.
type Resolver struct {
	view     *View
	machine  elf.Machine
	defaults []string
	objects  map[string]*Object // by host path, nil: not usable
}

// NewResolver returns a Resolver for files of one machine. The default
// directories are searched in the given order.
func NewResolver(v *View, machine elf.Machine, defaults []string) *Resolver {
	return &Resolver{view: v, machine: machine, defaults: defaults, objects: map[string]*Object{}}
}

// Loaded is an object of a closure.
type Loaded struct {
	Name   string // as asked for: a DT_NEEDED, or the path of the first one
	Path   string // where it was found, links in the last element not resolved
	Real   string // links resolved
	Host   string // where Real lies on this machine
	Object *Object

	loader *Loaded
}

// Edge is one DT_NEEDED of an object of a closure.
type Edge struct {
	From *Loaded
	Name string
	Via  string  // empty where To is nil
	To   *Loaded // nil: not found
}

// Closure is everything that a loader maps for one file: the objects in load
// order (breadth first) and every DT_NEEDED between them.
type Closure struct {
	Objects []*Loaded
	Edges   []Edge
}

// Missing returns the edges that lead nowhere.
func (c *Closure) Missing() []Edge {
	var missing []Edge
	for _, e := range c.Edges {
		if e.To == nil {
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
	o, err := r.object(e.Host)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if o.Interp != "" {
		e.Path = e.Real // the kernel names a program by its resolved path
	}
	first := &Loaded{Name: name, Path: e.Path, Real: e.Real, Host: e.Host, Object: o}
	c := &Closure{Objects: []*Loaded{first}}
	known, files := map[string]*Loaded{}, map[string]*Loaded{first.Real: first}
	if o.Soname != "" {
		known[o.Soname] = first
	}
	for i := 0; i < len(c.Objects); i++ {
		from := c.Objects[i]
		for _, need := range from.Object.Needed {
			if to := known[need]; to != nil {
				c.Edges = append(c.Edges, Edge{from, need, ViaLoaded, to})
				continue
			}
			to, via := r.find(from, need)
			if to != nil {
				if same := files[to.Real]; same != nil {
					to = same
				} else {
					files[to.Real] = to
					c.Objects = append(c.Objects, to)
				}
				known[need] = to
				if s := to.Object.Soname; s != "" && known[s] == nil {
					known[s] = to
				}
			}
			c.Edges = append(c.Edges, Edge{from, need, via, to})
		}
	}
	return c, nil
}

// find searches one DT_NEEDED.
func (r *Resolver) find(from *Loaded, need string) (*Loaded, string) {
	if need = expandOrigin(need, path.Dir(from.Path)); strings.Contains(need, "/") {
		return r.candidate(from, path.Dir(need), path.Base(need)), ViaPath
	}
	search := func(owner *Loaded, list string) *Loaded {
		for dir := range SearchPath(list, path.Dir(owner.Path)) {
			if l := r.candidate(from, dir, need); l != nil {
				return l
			}
		}
		return nil
	}
	if from.Object.Runpath == "" {
		for l := from; l != nil; l = l.loader { // ends with the program
			if l.Object.Runpath == "" {
				if found := search(l, l.Object.Rpath); found != nil {
					return found, ViaRpath
				}
			}
		}
	} else if found := search(from, from.Object.Runpath); found != nil {
		return found, ViaRunpath
	}
	if !from.Object.NoDefault {
		for _, dir := range r.defaults {
			if found := r.candidate(from, dir, need); found != nil {
				return found, ViaDefault
			}
		}
	}
	return nil, ""
}

// candidate returns the library at dir/name if a loader would take it: files
// of another machine are passed over.
func (r *Resolver) candidate(from *Loaded, dir, name string) *Loaded {
	if !strings.HasPrefix(dir, "/") {
		return nil
	}
	d := r.view.dir(dir)
	if d == nil {
		return nil
	}
	e, err := r.view.in(d, name)
	if err != nil || !e.Mode.IsRegular() {
		return nil
	}
	o, err := r.object(e.Host)
	if err != nil || o.Foreign || o.Machine != r.machine || o.Type != elf.ET_DYN {
		return nil
	}
	return &Loaded{Name: name, Path: e.Path, Real: e.Real, Host: e.Host, Object: o, loader: from}
}

// know spares reading an object again.
func (r *Resolver) know(files []*scanned) {
	for _, f := range files {
		if f.object != nil {
			r.objects[f.host] = f.object
		}
	}
}

func (r *Resolver) object(host string) (*Object, error) {
	if o, ok := r.objects[host]; ok {
		if o == nil {
			return nil, ErrNotELF
		}
		return o, nil
	}
	f, err := os.Open(host)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	o, err := ReadObject(f)
	if err != nil {
		r.objects[host] = nil
		return nil, err
	}
	r.objects[host] = o
	return o, nil
}

// SearchPath yields the directories of a DT_RPATH or DT_RUNPATH of a file that
// lies in origin. Elements that are not absolute after $ORIGIN is replaced,
// and those with other dynamic string tokens, are left out.
func SearchPath(list, origin string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for element := range strings.SplitSeq(list, ":") {
			dir := expandOrigin(element, origin)
			if strings.HasPrefix(dir, "/") && !strings.Contains(dir, "$") && !yield(dir) {
				return
			}
		}
	}
}

func expandOrigin(element, origin string) string {
	for _, token := range []string{"$ORIGIN", "${ORIGIN}"} {
		if rest, ok := strings.CutPrefix(element, token); ok && (rest == "" || rest[0] == '/') {
			return origin + rest
		}
	}
	return element
}

// DefaultDirs returns the library directories of the system in a View: those
// of /etc/ld.so.conf, then the ones that a Debian, a multilib and a plain
// loader of the machine have compiled in.
func DefaultDirs(v *View, machine elf.Machine) []string {
	dirs := ldSoConf(v, "/etc/ld.so.conf", map[string]bool{})
	if abi, ok := abis[machine]; ok {
		dirs = append(dirs, "/lib/"+abi.triplet, "/usr/lib/"+abi.triplet)
	}
	return append(dirs, "/lib64", "/usr/lib64", "/lib", "/usr/lib")
}

// ldSoConf reads a configuration of ldconfig(8) with its include lines, every
// file once.
func ldSoConf(v *View, name string, seen map[string]bool) []string {
	e, err := v.Lookup(name)
	if err != nil || seen[e.Real] {
		return nil
	}
	seen[e.Real] = true
	text, err := os.ReadFile(e.Host)
	if err != nil {
		return nil
	}
	var dirs []string
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if pattern, ok := strings.CutPrefix(line, "include "); ok {
			pattern = strings.TrimSpace(pattern)
			if !strings.HasPrefix(pattern, "/") {
				pattern = path.Join(path.Dir(name), pattern)
			}
			for _, match := range v.Glob(pattern) {
				dirs = append(dirs, ldSoConf(v, match, seen)...)
			}
		} else if strings.HasPrefix(line, "/") {
			dirs = append(dirs, line)
		}
	}
	return dirs
}
