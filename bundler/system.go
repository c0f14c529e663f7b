package bundler

import (
	"fmt"
	"path"
)

// System resolves the files of a root file system, each as the loader does that
// it is started with. It is not safe for concurrent use.
type System struct {
	View        *View
	CPU         CPU
	LibraryPath string // LD_LIBRARY_PATH
	Cwd         string // what relative search paths are relative to
	Conf        bool   // search what ldconfig(8) would put into ld.so.cache now, in place of the cache

	resolvers map[string]*Resolver // by the loader's path
	files     *files               // of all resolvers
}

// Share returns a System for another goroutine: what either of them has read
// serves both.
func (s *System) Share() *System {
	s.init()
	other := *s
	other.resolvers = map[string]*Resolver{}
	return &other
}

// Resolver returns the Resolver for files that have the same loader as o.
func (s *System) Resolver(o *Object) (*Resolver, error) {
	s.init()
	key := o.Machine.String() + o.Class.String()
	if a, ok := abis[o.Machine]; ok {
		key += interpreters(o, a)[0]
	}
	if r := s.resolvers[key]; r != nil {
		return r, nil
	}
	l, err := FindLoader(s.View, o, s.CPU)
	if err != nil {
		return nil, err
	}
	l.LibraryPath, l.Cwd = s.LibraryPath, s.Cwd
	if s.Conf && !l.Musl {
		l.Cache, l.Dirs = nil, append(ConfiguredDirs(s.View), l.Dirs...)
	}
	r := NewResolver(s.View, l)
	r.files = s.files
	s.resolvers[key] = r
	return r, nil
}

// Closure returns the closure of the file at an absolute path of the View and
// the Resolver that found it.
func (s *System) Closure(name string) (*Closure, *Resolver, error) {
	e, err := s.View.Lookup(name)
	if err != nil {
		return nil, nil, err
	}
	s.init()
	f := s.files.get(e.Host)
	if f.err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, f.err)
	}
	r, err := s.Resolver(f.object)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	c, err := r.Closure(name)
	return c, r, err
}

func (s *System) init() {
	if s.files == nil {
		s.resolvers, s.files = map[string]*Resolver{}, newFiles()
	}
}

// Abs returns the absolute form of a path as seen from Cwd.
func (s *System) Abs(name string) string {
	if path.IsAbs(name) || s.Cwd == "" {
		return path.Clean("/" + name)
	}
	return path.Join(s.Cwd, name)
}
