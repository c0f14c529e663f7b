package bundler

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// View is a read-only union of directories that each stand for "/": a name is
// looked up in one after the other and the first that has it wins. Symbolic
// links are resolved inside the union. Directories are listed once; a View
// does not see later changes. It is not safe for concurrent use.
type View struct {
	roots []string
	dirs  map[string]*directory // by canonical path
	paths map[string]*directory // by path as asked, nil: not a directory
}

// Entry is a file of a View.
type Entry struct {
	Path string // directory resolved, last element as asked
	Real string // all links resolved
	Host string // where Real lies on this machine
	Mode fs.FileMode
}

type directory struct {
	path  string
	names map[string]node
	links map[string]Entry // symbolic links that were resolved
}

type node struct {
	host string
	mode fs.FileMode
}

var errLinks = errors.New("too many levels of symbolic links")

// maxLinks is the number of links that the kernel follows in one lookup.
const maxLinks = 40

// NewView returns the union of the given root directories.
func NewView(roots ...string) *View {
	return &View{roots: roots, dirs: map[string]*directory{}, paths: map[string]*directory{}}
}

// Lookup resolves an absolute path. The error wraps fs.ErrNotExist where
// nothing is there.
func (v *View) Lookup(name string) (Entry, error) {
	dir, base := path.Split(strings.TrimRight(name, "/"))
	if base == "" || base == "." || base == ".." {
		real, n, err := v.walk(name)
		return Entry{real, real, n.host, n.mode}, err
	}
	d := v.dir(dir)
	if d == nil {
		return Entry{}, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	e, err := v.in(d, base)
	if err != nil {
		return e, fmt.Errorf("%s: %w", name, err)
	}
	return e, nil
}

// in looks a name up in one directory.
func (v *View) in(d *directory, base string) (Entry, error) {
	n, ok := d.names[base]
	if !ok {
		return Entry{}, fs.ErrNotExist
	}
	p := path.Join(d.path, base)
	if n.mode&fs.ModeSymlink == 0 {
		return Entry{p, p, n.host, n.mode}, nil
	}
	if e, ok := d.links[base]; ok {
		return e, nil
	}
	real, n, err := v.walk(p)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{p, real, n.host, n.mode}
	d.links[base] = e
	return e, nil
}

// dir returns the directory that a path leads to, or nil.
func (v *View) dir(name string) *directory {
	if d, ok := v.paths[name]; ok {
		return d
	}
	var d *directory
	if real, n, err := v.walk(name); err == nil && n.mode.IsDir() {
		d = v.list(real)
	}
	v.paths[name] = d
	return d
}

// list reads a directory whose path is canonical.
func (v *View) list(real string) *directory {
	if d, ok := v.dirs[real]; ok {
		return d
	}
	d := &directory{path: real, names: map[string]node{}, links: map[string]Entry{}}
	for _, root := range v.roots {
		host := filepath.Join(root, real)
		if fi, err := os.Lstat(host); err != nil || !fi.IsDir() {
			continue
		}
		entries, err := os.ReadDir(host)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if _, ok := d.names[e.Name()]; !ok {
				d.names[e.Name()] = node{filepath.Join(host, e.Name()), e.Type()}
			}
		}
	}
	v.dirs[real] = d
	return d
}

// walk follows a path element by element as the kernel does, ".." included.
func (v *View) walk(name string) (string, node, error) {
	pending := strings.Split(name, "/")
	real, at := "/", node{mode: fs.ModeDir}
	for links := 0; len(pending) > 0; {
		element := pending[0]
		pending = pending[1:]
		switch element {
		case "", ".":
			continue
		case "..":
			real, at = path.Dir(real), node{mode: fs.ModeDir}
			continue
		}
		if !at.mode.IsDir() {
			return "", node{}, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		n, ok := v.list(real).names[element]
		if !ok {
			return "", node{}, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		if n.mode&fs.ModeSymlink == 0 {
			real, at = path.Join(real, element), n
			continue
		}
		if links++; links > maxLinks {
			return "", node{}, fmt.Errorf("%s: %w", name, errLinks)
		}
		target, err := os.Readlink(n.host)
		if err != nil {
			return "", node{}, err
		}
		if strings.HasPrefix(target, "/") {
			real = "/"
		}
		at = node{mode: fs.ModeDir}
		pending = append(strings.Split(target, "/"), pending...)
	}
	if at.host == "" {
		at.host = v.host(real)
	}
	return real, at, nil
}

// host returns where a canonical path lies, in the first root that has it.
func (v *View) host(real string) string {
	for _, root := range v.roots {
		host := filepath.Join(root, real)
		if _, err := os.Lstat(host); err == nil {
			return host
		}
	}
	return filepath.Join(v.roots[0], real)
}

// Glob returns the paths that match a pattern of path.Match, sorted. Only the
// last element may contain wildcards.
func (v *View) Glob(pattern string) []string {
	d := v.dir(path.Dir(pattern))
	if d == nil {
		return nil
	}
	var matches []string
	for name := range d.names {
		if ok, err := path.Match(path.Base(pattern), name); ok && err == nil {
			matches = append(matches, path.Join(path.Dir(pattern), name))
		}
	}
	slices.Sort(matches)
	return matches
}
