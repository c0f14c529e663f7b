package image

import (
	"cmp"
	"encoding/gob"
	"io"

	"github.com/opencontainers/go-digest"
)

// listed is the head of a written listing: what it says of the layer, and
// how many pieces with nodes and texts follow.
type listed struct {
	DiffID       digest.Digest
	Nodes, Texts int
	Content      map[uint32][]byte
	Whiteouts    bool
}

// Write writes the listing of a layer with that diff ID for LoadListing.
func (l *Listing) Write(w io.Writer, id digest.Digest) error {
	out := gob.NewEncoder(w)
	err := out.Encode(listed{id, len(l.nodes.chunks), len(l.texts.chunks), l.content, l.whiteouts})
	for _, nodes := range l.nodes.chunks {
		err = cmp.Or(err, out.Encode(nodes))
	}
	for _, texts := range l.texts.chunks {
		err = cmp.Or(err, out.Encode(texts))
	}
	return err
}

// LoadListing reads what Write wrote, and returns the layer's diff ID as well.
// Its input is trusted.
func LoadListing(r io.Reader, left *Budget) (*Listing, digest.Digest, error) {
	in := gob.NewDecoder(r)
	var head listed
	if err := in.Decode(&head); err != nil {
		return nil, "", err
	}
	l := newListing()
	l.content, l.whiteouts = head.Content, head.Whiteouts
	l.nodes.chunks, l.texts.chunks = make([][]node, head.Nodes), make([][]byte, head.Texts)
	var err error
	for i := range l.nodes.chunks {
		err = cmp.Or(err, in.Decode(&l.nodes.chunks[i]))
	}
	for i := range l.texts.chunks {
		err = cmp.Or(err, in.Decode(&l.texts.chunks[i]))
	}
	if err != nil {
		return nil, "", err
	}
	return l, head.DiffID, l.restore(left)
}

// restore makes the table of a listing that was loaded, and takes off
// what the layer holds.
func (l *Listing) restore(left *Budget) error {
	for i := 1; i < l.nodes.len(); i++ {
		if err := left.entry(); err != nil {
			return err
		}
		l.index(uint32(i))
	}
	for _, texts := range l.texts.chunks {
		if err := left.name(len(texts)); err != nil {
			return err
		}
	}
	for i, content := range l.content {
		if !left.keep(int64(len(content))) {
			delete(l.content, i)
		}
	}
	return nil
}
