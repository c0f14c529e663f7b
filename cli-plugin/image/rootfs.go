package image

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/oh-init/setup"
)

// rootFS is the file system that a stack of layers makes, with the content of
// those files only that were kept while reading. It looks through the layers
// at each question, as a mounted stack does, and holds nothing of its own.
//
// Paths are slash-separated without a leading slash inside, absolute in the
// methods of setup.View. Content that was not kept reads as empty and is noted
// in missing, so that one reading of a base brings all that a plan lacks.
type rootFS struct {
	layers  []*Listing // the uppermost first
	missing map[string]bool
}

// place is a node of one of the layers.
type place struct {
	layer int // index in rootFS.layers
	node  uint32
}

// newRootFS stacks the layers, the lowest first, on an empty root.
func newRootFS(layers []*Listing) *rootFS {
	r := &rootFS{layers: append([]*Listing{newListing()}, layers...), missing: map[string]bool{}}
	slices.Reverse(r.layers)
	return r
}

func (r *rootFS) node(p place) *node { return r.layers[p.layer].nodes.at(p.node) }

// root returns the root directory as the layers from one on have it.
func (r *rootFS) root(from int) []place {
	var all []place
	for i := from; i < len(r.layers); i++ {
		all = append(all, place{i, 0})
		if r.layers[i].opaque(0) {
			break
		}
	}
	return all
}

// lookup returns what is at name in the stack of the layers from one on,
// without following symbolic links: the directories that make up one, the
// uppermost first, or a single node of another kind that is no hard link. It is
// empty where there is nothing.
func (r *rootFS) lookup(name string, from int) ([]place, error) {
	here := r.root(from)
	if name == "." {
		return here, nil
	}
	for element := range strings.SplitSeq(name, "/") {
		var err error
		if here, err = r.step(here, element); err != nil {
			return nil, err
		}
	}
	return here, nil
}

// step is lookup for one element below the directories dirs.
func (r *rootFS) step(dirs []place, name string) ([]place, error) {
	var here []place
	there := false // besides passages
	for _, d := range dirs {
		l := r.layers[d.layer]
		if !r.node(d).Kind.isDir() {
			return nil, nil
		}
		if i, ok := l.child(d.node, name); ok {
			switch n := l.nodes.at(i); n.Kind {
			case implied, passage, dir:
				here = append(here, place{d.layer, i})
				there = there || n.Kind != passage
			case file, symlink:
				if there {
					return here, nil
				}
				return []place{{d.layer, i}}, nil
			case hardlink:
				if there {
					return here, nil
				}
				return []place{{d.layer, uint32(n.Value)}}, nil
			case farlink:
				if there {
					return here, nil
				}
				target := string(l.texts.at(uint32(n.Value)))
				found, err := r.lookup(target, d.layer+1)
				if err == nil && len(found) > 0 && r.node(found[0]).Kind.isDir() {
					err = &linkError{l.path(i), target}
				}
				return found, err
			}
		}
		if l.hides(d.node, name) {
			break
		}
	}
	if !there {
		return nil, nil
	}
	return here, nil
}

func (r *rootFS) get(op, name string) ([]place, error) {
	here, err := r.lookup(cleanName(name), 0)
	if err == nil && len(here) == 0 {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return here, nil
}

// Lstat implements setup.View.
func (r *rootFS) Lstat(name string) (setup.Entry, error) {
	here, err := r.get("lstat", name)
	if err != nil {
		return setup.Entry{}, err
	}
	// A directory is what the uppermost entry says of it.
	if i := slices.IndexFunc(here, func(p place) bool { return r.node(p).Kind > passage }); i >= 0 {
		here = here[i:]
	}
	return r.layers[here[0].layer].entry(here[0].node), nil
}

// ReadFile implements setup.View.
func (r *rootFS) ReadFile(name string) ([]byte, error) {
	here, err := r.get("read", name)
	if err != nil {
		return nil, err
	}
	at := here[0]
	l := r.layers[at.layer]
	if n := r.node(at); n.Kind != file || !n.Mode.IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	content, kept := l.content[at.node]
	if !kept {
		r.missing[l.path(at.node)] = true
	}
	return content, nil
}

// Program implements setup.View.
func (r *rootFS) Program(name string) (setup.Program, error) {
	here, err := r.get("read", name)
	if err != nil {
		return setup.Unknown, err
	}
	return r.node(here[0]).Program, nil
}

// maxListed is how many files, and whiteouts, a directory may have that is
// listed.
const maxListed = 100_000

// ReadDir implements setup.View.
func (r *rootFS) ReadDir(name string) ([]string, error) {
	dirs, err := r.get("readdir", name)
	if err != nil {
		return nil, err
	}
	if !r.node(dirs[0]).Kind.isDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	names, decided := map[string]bool{}, map[string]bool{}
	for _, d := range dirs {
		l := r.layers[d.layer]
		var hidden []string
		for i := r.node(d).Child; i != 0; i = l.nodes.at(i).Next {
			child := l.name(i)
			if len(decided)+len(hidden) > maxListed {
				return nil, fmt.Errorf("listing %s: %w", name, Excess("it has more than %d files", maxListed))
			}
			if now, _ := l.child(d.node, child); now != i || decided[child] {
				continue // replaced, or an upper layer has it
			}
			switch l.nodes.at(i).Kind {
			case whiteout:
				hidden = append(hidden, strings.TrimPrefix(child, whiteoutPrefix))
				continue
			case passage:
				continue
			case farlink:
				found, err := r.step(dirs, child)
				if err != nil {
					return nil, fmt.Errorf("listing %s: %w", name, err)
				}
				if len(found) == 0 {
					continue
				}
			}
			names[child], decided[child] = true, true
		}
		if l.opaque(d.node) {
			break
		}
		for _, child := range hidden {
			decided[child] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}
