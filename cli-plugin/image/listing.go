package image

import (
	"hash/maphash"
	"path"
	"strings"

	"github.com/docker-openhands/docker-openhands/oh-init/setup"
)

// Whiteouts, see the OCI image layer specification.
const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
)

// Listing is what one layer's tar stream says: a tree of its own, before any
// other layer is thought of. An entry takes about 50 bytes and its name.
//
// Later entries replace earlier ones of the same name, as where a layer is
// unpacked.
type Listing struct {
	nodes     chunked[node] // the first one is the root
	texts     texts
	content   map[uint32][]byte // of nodes, where it was kept
	whiteouts bool              // there are some
	links     bool              // likewise, symbolic ones

	// The nodes by parent and name: a hash table with open addressing.
	table []uint32
	seed  maphash.Seed
}

// find returns the node at name, as entryName returns it, in this layer alone.
func (l *Listing) find(name string) (i uint32, ok bool) {
	if name == "." {
		return 0, true
	}
	for element := range strings.SplitSeq(name, "/") {
		if i, ok = l.child(i, element); !ok {
			return 0, false
		}
	}
	return i, true
}

func (l *Listing) name(i uint32) string { return string(l.texts.at(l.nodes.at(i).Name)) }

// path returns the name of the entry behind a node.
func (l *Listing) path(i uint32) string {
	var elements []string
	for ; i != 0; i = l.nodes.at(i).Parent {
		elements = append([]string{l.name(i)}, elements...)
	}
	return path.Join(elements...)
}

// hides reports whether the layer hides what lower ones have under a name in
// one of its directories.
func (l *Listing) hides(parent uint32, name string) bool {
	if !l.whiteouts {
		return false
	}
	i, ok := l.child(parent, whiteoutPrefix+name)
	return ok && l.nodes.at(i).Kind == whiteout || l.opaque(parent)
}

// opaque reports whether the layer hides all that lower ones have in one of
// its directories.
func (l *Listing) opaque(parent uint32) bool {
	if !l.whiteouts {
		return false
	}
	i, ok := l.child(parent, whiteoutOpaque)
	return ok && l.nodes.at(i).Kind == whiteout
}

// claims returns an entry through which the layer would change top, a folder of
// the root directory, and "" where there is none: an entry at or below it, a
// whiteout of it, or one of everything.
func (l *Listing) claims(top string) string {
	if i, ok := l.child(0, top); ok {
		for l.nodes.at(i).Kind <= passage {
			i = l.nodes.at(i).Child
		}
		return l.path(i)
	}
	for _, name := range []string{whiteoutPrefix + top, whiteoutOpaque} {
		if i, ok := l.child(0, name); ok && l.nodes.at(i).Kind == whiteout {
			return name
		}
	}
	return ""
}

// entry describes a node that is no link to another one.
func (l *Listing) entry(i uint32) setup.Entry {
	n := l.nodes.at(i)
	e := setup.Entry{Mode: n.Mode, UID: int(n.UID), GID: int(n.GID)}
	switch n.Kind {
	case symlink:
		e.Target = string(l.texts.at(uint32(n.Value)))
	case file:
		e.Size = int64(n.Value)
	}
	return e
}
