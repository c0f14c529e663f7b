package image

import (
	"archive/tar"
	"bufio"
	"cmp"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/docker-openhands/docker-openhands/oh-init/setup"
	"github.com/opencontainers/go-digest"
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

// KeepFunc decides whether the content of a regular file is kept.
type KeepFunc func(name string, size int64) bool

func newListing() *Listing {
	l := &Listing{content: map[uint32][]byte{}, table: make([]uint32, 16), seed: maphash.MakeSeed()}
	l.nodes.add(node{Kind: implied, Mode: impliedMode})
	return l
}

// impliedMode is that of a directory that no entry describes.
const impliedMode = fs.ModeDir | 0o755

// damagedError says that a layer is none that an engine could unpack.
type damagedError struct{ err error }

func (e *damagedError) Error() string { return e.err.Error() }
func (e *damagedError) Unwrap() error { return e.err }

// arriving keeps the error that the reading of a layer ended with, so that
// bytes which do not arrive are told from bytes that are no layer.
type arriving struct {
	from io.Reader
	err  error
}

func (a *arriving) Read(p []byte) (int, error) {
	n, err := a.from.Read(p)
	if err != nil && err != io.EOF {
		a.err = err
	}
	return n, err
}

// ReadListing reads a layer's uncompressed tar stream up to its end.
func ReadListing(r io.Reader, keep KeepFunc, left *Budget) (*Listing, error) {
	in := &arriving{from: r}
	l, err := readEntries(in, keep, left)
	var excess *ExcessError
	if err != nil && in.err == nil && !errors.As(err, &excess) {
		err = &damagedError{err}
	}
	return l, err
}

func readEntries(r io.Reader, keep KeepFunc, left *Budget) (*Listing, error) {
	l := newListing()
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := l.read(header, archive, keep, left); err != nil {
			return nil, err
		}
	}
	_, err := io.Copy(io.Discard, r) // padding behind the end mark
	return l, err
}

func (l *Listing) read(header *tar.Header, body io.Reader, keep KeepFunc, left *Budget) error {
	name, err := l.locate(header.Name)
	if err != nil {
		return err
	}
	n := node{Kind: file, Mode: header.FileInfo().Mode(), UID: uint32(header.Uid), GID: uint32(header.Gid)}
	kept := false
	switch {
	case strings.HasPrefix(path.Base(name), whiteoutPrefix):
		n.Kind = whiteout
	case header.Typeflag == tar.TypeDir:
		n.Kind = dir
	case header.Typeflag == tar.TypeSymlink:
		n.Kind, l.links = symlink, true
		n.Value, err = l.link(header.Linkname, left)
	case header.Typeflag == tar.TypeLink:
		return l.hardLink(name, header.Linkname, left)
	case header.Typeflag == tar.TypeReg, header.Typeflag == tar.TypeGNUSparse:
		n.Value = uint64(header.Size)
		kept = !sparse(header) && keep(name, header.Size) && left.keep(header.Size)
		if n.Mode&0o111 != 0 {
			whole := bufio.NewReaderSize(body, setup.ProgramHead)
			head, peekErr := whole.Peek(setup.ProgramHead)
			if peekErr != nil && peekErr != io.EOF {
				return peekErr
			}
			n.Program, body = setup.Recognize(head), whole
		}
	}
	if err != nil {
		return err
	}
	i, err := l.add(name, n, left)
	if err != nil || !kept {
		return err
	}
	content := make([]byte, header.Size)
	l.content[i] = content
	_, err = io.ReadFull(body, content)
	return err
}

// sparse reports whether a file has holes: then a few stored bytes can stand
// for content of any size.
func sparse(header *tar.Header) bool {
	for record := range header.PAXRecords {
		if strings.HasPrefix(record, "GNU.sparse.") {
			return true
		}
	}
	return header.Typeflag == tar.TypeGNUSparse
}

// entryName returns the name of an entry without a leading slash; "." is the
// root.
func entryName(name string) (string, error) {
	if len(name) > maxPath {
		return "", Excess("the path %.40q… has %d bytes, more than %d", name, len(name), maxPath)
	}
	name = cleanName(name)
	if depth := strings.Count(name, "/"); depth >= maxDepth {
		return "", Excess("the path %.40q… has %d elements, more than %d", name, depth+1, maxDepth)
	}
	for element := range strings.SplitSeq(name, "/") {
		if len(element) > maxName {
			return "", Excess("the name %.40q… has %d bytes, more than %d", element, len(element), maxName)
		}
	}
	return name, nil
}

// maxLinks is the kernel's limit for one path, see path_resolution(7).
const maxLinks = 40

// locate returns where an entry of the layer is, as entryName does. The links
// that the layer itself has on the way there are followed: it is unpacked alone,
// before it is laid over others.
func (l *Listing) locate(name string) (string, error) {
	whole, err := entryName(name)
	if err != nil || !l.links {
		return whole, err
	}
	resolved, rest := "", strings.Split(whole, "/")
	for links := 0; len(rest) > 1; {
		element := rest[0]
		rest = rest[1:]
		switch element {
		case "", ".":
			continue
		case "..":
			resolved = strings.TrimPrefix(path.Dir("/"+resolved), "/")
			continue
		}
		next := path.Join(resolved, element)
		i, ok := l.find(next)
		if !ok || l.nodes.at(i).Kind != symlink {
			resolved = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("too many symbolic links on the way to %q", whole)
		}
		target := string(l.texts.at(uint32(l.nodes.at(i).Value)))
		if path.IsAbs(target) {
			resolved = ""
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return entryName(path.Join(resolved, rest[0]))
}

func cleanName(name string) string {
	if name = strings.TrimPrefix(path.Clean("/"+name), "/"); name == "" {
		return "."
	}
	return name
}

// link keeps what a link leads to.
func (l *Listing) link(target string, left *Budget) (uint64, error) {
	if target == "" {
		return 0, errors.New("a symbolic link has an empty target, which no system makes, see symlink(2)")
	}
	if len(target) > maxPath {
		return 0, Excess("a link to %.40q… has %d bytes, more than %d", target, len(target), maxPath)
	}
	return uint64(l.texts.add(target)), left.name(len(target))
}

func (l *Listing) hardLink(name, target string, left *Budget) error {
	target, err := l.locate(target)
	if err != nil {
		return err
	}
	n := node{Kind: farlink}
	if to, ok := l.find(target); ok {
		switch found := l.nodes.at(to); found.Kind {
		case implied, dir:
			return &linkError{name, target}
		case whiteout:
			return nil
		case hardlink, farlink:
			n.Kind, n.Value = found.Kind, found.Value
		case file, symlink:
			n.Kind, n.Value = hardlink, uint64(to)
		}
	}
	if n == (node{Kind: farlink}) {
		if n.Value, err = l.link(target, left); err != nil {
			return err
		}
	}
	_, err = l.add(name, n, left)
	return err
}

// linkError says that a hard link leads to a directory, which link(2) does not
// allow.
type linkError struct{ name, target string }

func (e *linkError) Error() string {
	return fmt.Sprintf("%q is a hard link to the folder %q", e.name, e.target)
}

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
