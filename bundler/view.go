package bundler

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// View is a read-only union of directories that each stand for "/": a name is
// looked up in one after the other and the first that has it wins. A root may
// be named by a symbolic link; the links below are resolved inside the union.
// Directories are listed once; a View does not see later changes. It is safe
// for concurrent use.
type View struct {
	roots []string
	fixed bool // holds what was put into it and nothing of this machine

	room int // bytes of paths that may still be remembered beside those of a fixed View

	mu    sync.Mutex            // of all below and of room, and of directory.links and directory.listed
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
	hosts []string // where it lies in each of the roots
	names map[string]node
	links map[string]Entry // symbolic links that were resolved

	targets map[string]string // of symbolic links, in a fixed View

	list   sync.Once
	listed bool
}

type node struct {
	root uint32
	mode fs.FileMode
}

// host returns where a file of the directory lies on this machine.
func (d *directory) host(name string) string { return join(d.hosts[d.names[name].root], name) }

// join is path.Join of a clean directory and a name.
func join(dir, name string) string {
	if dir == "/" {
		return dir + name
	}
	return dir + "/" + name
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
	v.mu.Lock()
	defer v.mu.Unlock()
	dir, base := path.Split(strings.TrimRight(name, "/"))
	if base == "" || base == "." || base == ".." {
		return v.walk(name)
	}
	d := v.enter(dir)
	if d == nil {
		return Entry{}, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	e, err := v.entry(d, base)
	if err != nil {
		return e, fmt.Errorf("%s: %w", name, err)
	}
	return e, nil
}

// in looks a name up in one directory. Only links need the lock.
func (v *View) in(d *directory, base string) (Entry, error) {
	if d.names[base].mode&fs.ModeSymlink != 0 {
		v.mu.Lock()
		defer v.mu.Unlock()
	}
	return v.entry(d, base)
}

// entry is in without the lock.
func (v *View) entry(d *directory, base string) (Entry, error) {
	n, ok := d.names[base]
	if !ok {
		return Entry{}, fs.ErrNotExist
	}
	if n.mode&fs.ModeSymlink == 0 {
		p, host := join(d.path, base), d.hosts[n.root]
		if host == d.path {
			return Entry{p, p, p, n.mode}, nil
		}
		return Entry{p, p, join(host, base), n.mode}, nil
	}
	if e, ok := d.links[base]; ok {
		return e, nil
	}
	p := join(d.path, base)
	e, err := v.walk(p)
	if err != nil {
		return Entry{}, err
	}
	e.Path = p
	if !v.remembers(len(e.Path) + len(e.Real)) {
		return e, nil
	}
	if d.links == nil {
		d.links = map[string]Entry{}
	}
	d.links[base] = e
	return e, nil
}

// dir returns the directory that a path leads to, or nil.
func (v *View) dir(name string) *directory {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.enter(name)
}

// enter is dir without the lock.
func (v *View) enter(name string) *directory {
	if d, ok := v.paths[name]; ok {
		return d
	}
	var d *directory
	if e, err := v.walk(name); err == nil && e.Mode.IsDir() {
		d = v.list(e.Real)
	}
	if v.remembers(len(name)) {
		v.paths[name] = d
	}
	return d
}

// maxRemembered is how many bytes of paths a fixed View remembers, which others
// may have chosen; what goes beyond is looked up each time.
const maxRemembered = 16 << 20

// remembers reports whether a path of that many bytes is remembered.
func (v *View) remembers(size int) bool {
	const around = 100 // bytes of the map and the strings' headers
	if v.fixed {
		v.room -= size + around
	}
	return v.room >= 0
}

// list reads a directory whose path is canonical. Others do not wait for it,
// so that the lock is not held meanwhile.
func (v *View) list(resolved string) *directory {
	d, ok := v.dirs[resolved]
	if !ok {
		d = &directory{path: resolved}
		v.dirs[resolved] = d
	}
	if !d.listed && !v.fixed {
		v.mu.Unlock()
		d.list.Do(func() { d.read(v.roots) })
		v.mu.Lock()
		d.listed = true
	}
	return d
}

// read lists the directory in each of the roots.
func (d *directory) read(roots []string) {
	d.hosts = make([]string, len(roots))
	for i, root := range roots {
		d.hosts[i] = filepath.Join(root, d.path)
		host := d.hosts[i]
		if d.path == "/" {
			host += "/." // a root may be a link
		}
		names := readDir(host)
		if d.names == nil {
			d.names = make(map[string]node, len(names))
		}
		for _, n := range names {
			if _, ok := d.names[n.name]; !ok {
				d.names[n.name] = node{uint32(i), n.mode}
			}
		}
	}
}

// readlink returns the target of a symbolic link.
func (v *View) readlink(d *directory, name string) (string, error) {
	if v.fixed {
		return d.targets[name], nil
	}
	return os.Readlink(d.host(name))
}

// newFixedView returns a View of what put puts into it. Its host paths are the
// paths themselves.
func newFixedView() *View {
	v := NewView("/")
	v.fixed, v.room = true, maxRemembered
	v.dirs["/"] = newFixedDirectory("/")
	return v
}

func newFixedDirectory(name string) *directory {
	return &directory{path: name, hosts: []string{name}, listed: true}
}

// put adds a file with an absolute, clean path, and the directories above it
// that are missing. It returns how many were added.
func (v *View) put(name string, kind fs.FileMode, target string) (added int, err error) {
	dir, base := path.Dir(name), path.Base(name)
	d := v.dirs[dir]
	if d == nil {
		if added, err = v.put(dir, fs.ModeDir, ""); err != nil {
			return added, err
		}
		d = v.dirs[dir]
	}
	if n, ok := d.names[base]; ok {
		if n.mode.IsDir() && kind.IsDir() {
			return added, nil
		}
		return added, fmt.Errorf("%s is there twice", name)
	}
	if d.names == nil {
		d.names = map[string]node{}
	}
	d.names[base] = node{mode: kind}
	switch {
	case kind.IsDir():
		v.dirs[name] = newFixedDirectory(name)
	case kind&fs.ModeSymlink != 0:
		if d.targets == nil {
			d.targets = map[string]string{}
		}
		d.targets[base] = target
	}
	return added + 1, nil
}

// dirEntry is a name in a directory.
type dirEntry struct {
	name string
	mode fs.FileMode
}

// readDir returns the entries, in no order, of what is a directory and no link
// to one.
func readDir(host string) []dirEntry {
	fd, err := unix.Open(host, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var list []dirEntry
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return list
		}
		list = slices.Grow(list, n/direntSize)
		text := string(buf[:n]) // of all names
		for at := 0; at < n; {
			// struct linux_dirent64: ino, off, reclen, type, name
			name, _, _ := strings.Cut(text[at+19:], "\x00")
			kind := text[at+18]
			at += int(binary.NativeEndian.Uint16(buf[at+16:]))
			if name != "." && name != ".." {
				list = append(list, dirEntry{name, fileMode(host, name, kind)})
			}
		}
	}
}

// direntSize is what an entry of a directory takes at least.
const direntSize = 24

// fileMode returns the type bits of a directory entry. Not all file systems
// have them in the directory.
func fileMode(host, name string, kind byte) fs.FileMode {
	switch kind {
	case unix.DT_REG:
		return 0
	case unix.DT_DIR:
		return fs.ModeDir
	case unix.DT_LNK:
		return fs.ModeSymlink
	case unix.DT_UNKNOWN:
		if info, err := os.Lstat(filepath.Join(host, name)); err == nil {
			return info.Mode().Type()
		}
	}
	return fs.ModeIrregular
}

// walk follows a path element by element as the kernel does, ".." included.
// Path and Real of what it returns are the same.
func (v *View) walk(name string) (Entry, error) {
	if e, ok := v.plain(name); ok {
		return e, nil
	}
	pending := strings.Split(name, "/")
	resolved, mode := "/", fs.ModeDir
	for links := 0; len(pending) > 0; {
		element := pending[0]
		pending = pending[1:]
		switch element {
		case "", ".":
			continue
		case "..":
			resolved, mode = path.Dir(resolved), fs.ModeDir
			continue
		}
		if !mode.IsDir() {
			return Entry{}, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		d := v.list(resolved)
		n, ok := d.names[element]
		if !ok {
			return Entry{}, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		if n.mode&fs.ModeSymlink == 0 {
			resolved, mode = join(resolved, element), n.mode
			continue
		}
		if links++; links > maxLinks {
			return Entry{}, fmt.Errorf("%s: %w", name, errLinks)
		}
		target, err := v.readlink(d, element)
		if err != nil {
			return Entry{}, err
		}
		if strings.HasPrefix(target, "/") {
			resolved = "/"
		}
		mode = fs.ModeDir
		pending = append(strings.Split(target, "/"), pending...)
	}
	return Entry{resolved, resolved, v.host(resolved), mode}, nil
}

// plain returns the entry of a clean path whose directory has been listed.
func (v *View) plain(name string) (Entry, bool) {
	i := strings.LastIndexByte(name, '/')
	if i <= 0 {
		return Entry{}, false
	}
	d, base := v.dirs[name[:i]], name[i+1:]
	if d == nil || !d.listed {
		return Entry{}, false
	}
	n, ok := d.names[base]
	if !ok || n.mode&fs.ModeSymlink != 0 {
		return Entry{}, false
	}
	return Entry{name, name, d.host(base), n.mode}, true
}

// host returns where a canonical path lies, in the first root that has it.
func (v *View) host(resolved string) string {
	if resolved == "/" {
		return filepath.Clean(v.roots[0])
	}
	if d := v.dirs[path.Dir(resolved)]; d != nil && d.listed {
		return d.host(path.Base(resolved))
	}
	return filepath.Join(v.roots[0], resolved)
}

// ReadDir returns the entries of a directory, sorted by name. Symbolic links are
// not resolved: Path and Real are the same.
func (v *View) ReadDir(name string) ([]Entry, error) {
	d := v.dir(name)
	if d == nil {
		return nil, fmt.Errorf("%s: not a directory: %w", name, fs.ErrNotExist)
	}
	entries := make([]Entry, 0, len(d.names))
	for _, base := range slices.Sorted(maps.Keys(d.names)) {
		p := join(d.path, base)
		entries = append(entries, Entry{p, p, d.host(base), d.names[base].mode})
	}
	return entries, nil
}

// Glob returns the paths that match an absolute pattern, sorted. Its elements
// are patterns of path.Match; as for glob(3), wildcards do not match the dot
// that a name begins with.
func (v *View) Glob(pattern string) []string {
	if strings.Trim(pattern, "/") == "" {
		return nil
	}
	matches := []string{""}
	for element := range strings.SplitSeq(pattern, "/") {
		if element == "" {
			continue
		}
		var longer []string
		for _, dir := range matches {
			if d := v.dir(dir + "/"); d != nil {
				for _, name := range d.match(element) {
					longer = append(longer, dir+"/"+name)
				}
			}
		}
		matches = longer
	}
	slices.Sort(matches)
	return matches
}

// match returns the names of the directory that match an element of a pattern.
func (d *directory) match(element string) []string {
	if _, ok := d.names[element]; ok || element == "." || element == ".." {
		return []string{element}
	}
	var names []string
	for name := range d.names {
		if ok, err := path.Match(element, name); ok && err == nil && (name[0] != '.' || element[0] == '.') {
			names = append(names, name)
		}
	}
	return names
}
