package builder

import (
	"archive/tar"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/oh-init/setup"
)

// Whiteouts, see the OCI image layer specification.
const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
)

// layer is what one layer's tar stream says, in its order.
type layer []entry

type entry struct {
	name     string // cleaned, without a leading slash; "." is the root
	file     file
	hardLink string // name of the entry that it is the same file as, or empty
}

// file is a file and, where it was kept, its content.
type file struct {
	setup.Entry
	data []byte
	kept bool
}

// keepFunc decides whether the content of a regular file is kept.
type keepFunc func(name string, size int64) bool

// readLayer reads a layer's uncompressed tar stream up to its end.
func readLayer(r io.Reader, keep keepFunc) (layer, error) {
	var entries layer
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		e := entry{name: cleanName(header.Name)}
		e.file.Entry = setup.Entry{Mode: header.FileInfo().Mode(), UID: header.Uid, GID: header.Gid}
		switch header.Typeflag {
		case tar.TypeLink:
			e.hardLink = cleanName(header.Linkname)
		case tar.TypeSymlink:
			e.file.Target = header.Linkname
		case tar.TypeReg:
			e.file.Size = header.Size
			if keep(e.name, header.Size) {
				e.file.kept = true
				if e.file.data, err = io.ReadAll(archive); err != nil {
					return nil, err
				}
			}
		}
		entries = append(entries, e)
	}
	_, err := io.Copy(io.Discard, r) // padding behind the end mark
	return entries, err
}

func cleanName(name string) string {
	if name = strings.TrimPrefix(path.Clean("/"+name), "/"); name == "" {
		return "."
	}
	return name
}

// claims returns the first entry through which the layer would change dir,
// a folder of the root directory, and "" where there is none: an entry at or
// below it, a whiteout of it, or one of everything.
func (l layer) claims(dir string) string {
	for _, e := range l {
		if e.name == dir || strings.HasPrefix(e.name, dir+"/") || e.name == whiteoutPrefix+dir || e.name == whiteoutOpaque {
			return e.name
		}
	}
	return ""
}

// rootFS is the file system that a stack of layers makes, with the content of
// those files only that were kept while reading. Paths are slash-separated
// without a leading slash inside, absolute in the methods of setup.View.
type rootFS struct {
	root    *node
	missing notKeptError
}

type node struct {
	file
	name     string           // of the entry with the content of a regular file
	children map[string]*node // nil unless it is a directory
}

func newDir(f file) *node { return &node{file: f, children: map[string]*node{}} }

// impliedDir is a directory that no entry describes.
var impliedDir = file{Entry: setup.Entry{Mode: fs.ModeDir | 0o755}}

// newRootFS applies the layers from the lowest up.
func newRootFS(layers []layer) *rootFS {
	r := &rootFS{root: newDir(impliedDir)}
	for _, l := range layers {
		r.apply(l)
	}
	return r
}

func (r *rootFS) apply(l layer) {
	// Whiteouts hide what lies below the layer, wherever in it they stand.
	for _, e := range l {
		dir, base := path.Split(e.name)
		parent := r.lookup(path.Clean(dir))
		if parent == nil || !strings.HasPrefix(base, whiteoutPrefix) {
			continue
		}
		if base == whiteoutOpaque {
			clear(parent.children)
		} else {
			delete(parent.children, strings.TrimPrefix(base, whiteoutPrefix))
		}
	}
	for _, e := range l {
		if !strings.HasPrefix(path.Base(e.name), whiteoutPrefix) {
			r.add(e)
		}
	}
}

// lookup returns the node at name without following symbolic links, or nil.
func (r *rootFS) lookup(name string) *node {
	n := r.root
	if name == "." {
		return n
	}
	for element := range strings.SplitSeq(name, "/") {
		if n = n.children[element]; n == nil {
			return nil
		}
	}
	return n
}

// add puts an entry in. As in a mounted stack, a directory replaces whatever
// is no directory, also where an entry needs it as a parent.
func (r *rootFS) add(e entry) {
	if e.name == "." {
		r.root.file = e.file
		return
	}
	parent := r.root
	elements := strings.Split(e.name, "/")
	for _, element := range elements[:len(elements)-1] {
		child := parent.children[element]
		if child == nil || child.children == nil {
			child = newDir(impliedDir)
			parent.children[element] = child
		}
		parent = child
	}
	base := elements[len(elements)-1]
	switch old := parent.children[base]; {
	case e.hardLink != "":
		if target := r.lookup(e.hardLink); target != nil {
			parent.children[base] = target
		}
	case !e.file.Mode.IsDir():
		parent.children[base] = &node{file: e.file, name: e.name}
	case old != nil && old.children != nil:
		old.file = e.file
	default:
		parent.children[base] = newDir(e.file)
	}
}

// notKeptError says that the content of files was not kept while reading. It
// names all that a rootFS was asked for.
type notKeptError struct{ paths []string }

func (e *notKeptError) Error() string {
	return "the content of " + strings.Join(e.paths, ", ") + " was not read from the image"
}

func (r *rootFS) get(op, path string) (*node, error) {
	n := r.lookup(cleanName(path))
	if n == nil {
		return nil, &fs.PathError{Op: op, Path: path, Err: fs.ErrNotExist}
	}
	return n, nil
}

// Lstat implements setup.View.
func (r *rootFS) Lstat(path string) (setup.Entry, error) {
	n, err := r.get("lstat", path)
	if err != nil {
		return setup.Entry{}, err
	}
	return n.Entry, nil
}

// ReadFile implements setup.View. Asking for content that was not kept gives
// a *notKeptError.
func (r *rootFS) ReadFile(path string) ([]byte, error) {
	n, err := r.get("read", path)
	switch {
	case err != nil:
		return nil, err
	case !n.Mode.IsRegular():
		return nil, &fs.PathError{Op: "read", Path: path, Err: fs.ErrInvalid}
	case !n.kept:
		r.missing.paths = append(r.missing.paths, "/"+n.name)
		return nil, &r.missing
	}
	return n.data, nil
}

// ReadDir implements setup.View.
func (r *rootFS) ReadDir(path string) ([]string, error) {
	n, err := r.get("readdir", path)
	switch {
	case err != nil:
		return nil, err
	case n.children == nil:
		return nil, &fs.PathError{Op: "readdir", Path: path, Err: fs.ErrInvalid}
	}
	return slices.Sorted(maps.Keys(n.children)), nil
}
