package bundler

import (
	"debug/elf"
	"fmt"
	"path"
	"strings"
	"sync"
)

// System resolves the files of a root file system, each as the loader does that
// it is started with. It is not safe for concurrent use.
type System struct {
	View        *View
	CPU         CPU
	LibraryPath string // LD_LIBRARY_PATH
	Cwd         string // what relative search paths are relative to
	Conf        bool   // search what ldconfig(8) would put into ld.so.cache now, in place of the cache

	resolvers map[loaderKey]*Resolver
	shared    *shared
}

// shared is what the Systems of several goroutines have in common.
type shared struct {
	files   *files
	mu      sync.Mutex // of loaders
	loaders map[loaderKey]func() (Loader, error)
}

// loaderKey tells apart the files that different loaders start.
type loaderKey struct {
	machine elf.Machine
	class   elf.Class
	name    string
}

// Share returns a System for another goroutine: what either of them has read
// serves both.
func (s *System) Share() *System {
	s.init()
	other := *s
	other.resolvers = map[loaderKey]*Resolver{}
	return &other
}

// Resolver returns the Resolver for files that have the same loader as o.
func (s *System) Resolver(o *Object) (*Resolver, error) {
	s.init()
	key := loaderKey{machine: o.Machine, class: o.Class}
	if a, ok := abis[o.Machine]; ok {
		key.name = interpreters(o, a)[0]
	}
	if r := s.resolvers[key]; r != nil {
		return r, nil
	}
	s.shared.mu.Lock()
	find := s.shared.loaders[key]
	if find == nil {
		find = sync.OnceValues(func() (Loader, error) { return s.loader(o) })
		s.shared.loaders[key] = find
	}
	s.shared.mu.Unlock()
	l, err := find()
	if err != nil {
		return nil, err
	}
	r := NewResolver(s.View, l)
	r.files = s.shared.files
	s.resolvers[key] = r
	return r, nil
}

func (s *System) loader(o *Object) (Loader, error) {
	l, err := FindLoader(s.View, o, s.CPU)
	if err != nil {
		return l, err
	}
	l.LibraryPath, l.Cwd = s.LibraryPath, s.Cwd
	if s.Conf && !l.Musl {
		l.Cache, l.Broken, l.Dirs = nil, nil, append(configuredDirs(s.View), l.Dirs...)
	}
	return l, nil
}

// Closure returns the closure of the file at an absolute path of the View and
// the Resolver that found it. The closure, all that it leads to but the Objects
// of files included, is good until the System is asked for the next one.
func (s *System) Closure(name string) (*Closure, *Resolver, error) {
	e, err := s.View.Lookup(name)
	if err != nil {
		return nil, nil, err
	}
	s.init()
	f := s.shared.files.get(e.Host)
	if f.err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, f.err)
	}
	r, err := s.Resolver(f.object)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	c, err := r.next(name, e, f)
	return c, r, err
}

func (s *System) init() {
	if s.shared == nil {
		s.resolvers = map[loaderKey]*Resolver{}
		s.shared = &shared{files: newFiles(), loaders: map[loaderKey]func() (Loader, error){}}
	}
}

// Abs returns the absolute form of a path as seen from Cwd. It is not cleaned:
// ".." after a link leads elsewhere.
func (s *System) Abs(name string) string {
	if path.IsAbs(name) {
		return name
	}
	return strings.TrimSuffix(s.Cwd, "/") + "/" + name
}
