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
	header *tar.Header
	name   string // cleaned, without a leading slash; "." is the root
	data   []byte // of a regular file whose content was kept
	kept   bool
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
		e := entry{header: header, name: cleanName(header.Name)}
		if header.Typeflag == tar.TypeReg && keep(e.name, header.Size) {
			e.kept = true
			if e.data, err = io.ReadAll(archive); err != nil {
				return nil, err
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
type rootFS struct{ root *node }

type node struct {
	header   *tar.Header
	data     []byte
	kept     bool
	children map[string]*node // of a directory
}

func newDir() *node {
	return &node{header: &tar.Header{Typeflag: tar.TypeDir, Mode: 0o755}, children: map[string]*node{}}
}

// newRootFS applies the layers from the lowest up.
func newRootFS(layers []layer) *rootFS {
	r := &rootFS{root: newDir()}
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
		r.root.header = e.header
		return
	}
	parent := r.root
	elements := strings.Split(e.name, "/")
	for _, element := range elements[:len(elements)-1] {
		child := parent.children[element]
		if child == nil || child.children == nil {
			child = newDir()
			parent.children[element] = child
		}
		parent = child
	}
	base := elements[len(elements)-1]
	switch old := parent.children[base]; {
	case e.header.Typeflag == tar.TypeDir && old != nil && old.children != nil:
		old.header = e.header
	case e.header.Typeflag == tar.TypeDir:
		parent.children[base] = &node{header: e.header, children: map[string]*node{}}
	case e.header.Typeflag == tar.TypeLink:
		if target := r.lookup(cleanName(e.header.Linkname)); target != nil {
			parent.children[base] = target
		}
	default:
		parent.children[base] = &node{header: e.header, data: e.data, kept: e.kept}
	}
}

// notKeptError says that the content of a file was not kept while reading.
type notKeptError struct{ path string }

func (e *notKeptError) Error() string {
	return "the content of " + e.path + " was not read from the image"
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
	e := setup.Entry{Mode: n.header.FileInfo().Mode(), UID: n.header.Uid, GID: n.header.Gid}
	switch n.header.Typeflag {
	case tar.TypeReg:
		e.Size = n.header.Size
	case tar.TypeSymlink:
		e.Target = n.header.Linkname
	}
	return e, nil
}

// ReadFile implements setup.View. Asking for content that was not kept gives
// a *notKeptError.
func (r *rootFS) ReadFile(path string) ([]byte, error) {
	n, err := r.get("read", path)
	switch {
	case err != nil:
		return nil, err
	case n.header.Typeflag != tar.TypeReg:
		return nil, &fs.PathError{Op: "read", Path: path, Err: fs.ErrInvalid}
	case !n.kept:
		return nil, &notKeptError{path}
	}
	return slices.Clone(n.data), nil
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
