package image

import (
	"encoding/binary"
	"hash/maphash"
	"io/fs"
	"strings"

	"github.com/docker-openhands/docker-openhands/oh-init/setup"
)

// kind is what a node is.
type kind uint8

const (
	implied  kind = iota // a directory that no entry describes
	passage              // likewise, but only whiteouts need it: it is there where a lower layer has it
	dir                  // a directory
	file                 // neither directory nor link
	symlink              // Value: its target in texts
	hardlink             // Value: the node that it is the same file as
	farlink              // a hard link to a file of a lower layer; Value: its path in texts
	whiteout             // its name has the prefix
)

func (k kind) isDir() bool { return k <= dir }

// node is one entry. Its fields are exported for package gob.
type node struct {
	Kind     kind
	Program  setup.Program // of an executable regular file
	Mode     fs.FileMode
	UID, GID uint32
	Name     uint32 // in texts
	Parent   uint32
	Child    uint32 // the last one; 0: none
	Next     uint32 // sibling; 0: none. It may be one that was replaced
	Value    uint64 // of a regular file: its size in bytes
}

func newListing() *Listing {
	l := &Listing{content: map[uint32][]byte{}, table: make([]uint32, 16), seed: maphash.MakeSeed()}
	l.nodes.add(node{Kind: implied, Mode: impliedMode})
	return l
}

// impliedMode is that of a directory that no entry describes.
const impliedMode = fs.ModeDir | 0o755

// add puts a node in and returns its index. A directory replaces what is none,
// also where an entry needs it as a parent.
func (l *Listing) add(name string, n node, left *Budget) (uint32, error) {
	if name == "." {
		if n.Kind.isDir() {
			root := l.nodes.at(0)
			root.Kind, root.Mode, root.UID, root.GID = dir, n.Mode, n.UID, n.GID
		}
		return 0, nil
	}
	parent := uint32(0)
	for {
		element, rest, nested := strings.Cut(name, "/")
		i, found := l.child(parent, element)
		if !nested {
			return l.put(parent, element, n, i, found, left)
		}
		between := node{Kind: implied, Mode: impliedMode}
		if n.Kind == whiteout {
			between.Kind = passage
		}
		switch {
		case found && n.Kind == whiteout && !l.nodes.at(i).Kind.isDir():
			return 0, nil // the lower layers' directory is hidden already
		case found && l.nodes.at(i).Kind.isDir():
			if old := l.nodes.at(i); old.Kind == passage {
				old.Kind = between.Kind
			}
		default:
			var err error
			if i, err = l.put(parent, element, between, i, found, left); err != nil {
				return 0, err
			}
		}
		parent, name = i, rest
	}
}

// put makes n the child of parent that has the name, in place of old if there
// is one.
func (l *Listing) put(parent uint32, name string, n node, old uint32, replaces bool, left *Budget) (uint32, error) {
	if err := left.entry(); err != nil {
		return 0, err
	}
	l.whiteouts = l.whiteouts || n.Kind == whiteout
	if replaces {
		if was := l.nodes.at(old); was.Kind.isDir() && n.Kind.isDir() {
			was.Kind, was.Mode, was.UID, was.GID = n.Kind, n.Mode, n.UID, n.GID
			return old, nil
		}
		n.Name = l.nodes.at(old).Name
	} else {
		if err := left.name(len(name)); err != nil {
			return 0, err
		}
		n.Name = l.texts.add(name)
	}
	i := uint32(l.nodes.len())
	up := l.nodes.at(parent)
	n.Parent, n.Next = parent, up.Child
	up.Child = i
	l.nodes.add(n)
	l.index(i)
	return i, nil
}

// slot returns the place in the table for the child of parent that has the
// name: where it is, or where it belongs.
func (l *Listing) slot(parent uint32, name string) int {
	const spread = 0x9e3779b97f4a7c15 // the golden ratio
	mask := uint64(len(l.table) - 1)
	for at := (maphash.String(l.seed, name) ^ uint64(parent)*spread) & mask; ; at = (at + 1) & mask {
		i := l.table[at]
		if i == 0 {
			return int(at)
		}
		if n := l.nodes.at(i); n.Parent == parent && string(l.texts.at(n.Name)) == name {
			return int(at)
		}
	}
}

// index enters a node in the table, which is at most three quarters full.
func (l *Listing) index(i uint32) {
	if l.nodes.len() >= len(l.table)/4*3 {
		old := l.table
		l.table = make([]uint32, 2*len(old))
		for _, i := range old {
			if i != 0 {
				l.table[l.slot(l.nodes.at(i).Parent, l.name(i))] = i
			}
		}
	}
	l.table[l.slot(l.nodes.at(i).Parent, l.name(i))] = i
}

func (l *Listing) child(parent uint32, name string) (uint32, bool) {
	i := l.table[l.slot(parent, name)]
	return i, i != 0
}

// chunked is a list that grows without being copied as a whole.
type chunked[T any] struct{ chunks [][]T }

const chunk = 1 << 12

func (c *chunked[T]) add(v T) {
	last := len(c.chunks) - 1
	if last < 0 || len(c.chunks[last]) == chunk {
		c.chunks, last = append(c.chunks, nil), last+1
	}
	c.chunks[last] = append(c.chunks[last], v)
}

func (c *chunked[T]) at(i uint32) *T { return &c.chunks[i/chunk][i%chunk] }

func (c *chunked[T]) len() int {
	if len(c.chunks) == 0 {
		return 0
	}
	return (len(c.chunks)-1)*chunk + len(c.chunks[len(c.chunks)-1])
}

// texts are names and targets of links, each behind its length in two bytes.
// They are known by the number of their chunk and their place in it.
type texts struct{ chunks [][]byte }

const textChunk = 1 << 16

func (t *texts) add(text string) uint32 {
	last := len(t.chunks) - 1
	if last < 0 || len(t.chunks[last])+2+len(text) > textChunk {
		t.chunks, last = append(t.chunks, nil), last+1
	}
	at := len(t.chunks[last])
	t.chunks[last] = append(binary.BigEndian.AppendUint16(t.chunks[last], uint16(len(text))), text...)
	return uint32(last)*textChunk + uint32(at)
}

func (t *texts) at(i uint32) []byte {
	rest := t.chunks[i/textChunk][i%textChunk:]
	return rest[2:][:binary.BigEndian.Uint16(rest)]
}
