package bundler

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// Tree is what Verify and Permissions know of a tree that arrives as a tar
// stream, for example from an engine's container. Nothing of it is unpacked,
// and what is remembered of it has a limit, whoever made it.
type Tree struct {
	prefix      string
	view        *View
	found       map[string]*scanned // programs, libraries and scripts, by path
	links       []*scanned          // symbolic links
	files       *files
	contents    map[string][]byte // of kept files and C libraries, by path
	permissions []Finding
	limits      treeLimits
	left        treeLimits
}

// TreeOptions says what is read of a stream.
type TreeOptions struct {
	Prefix string   // absolute, for example "/openhands"; what lies elsewhere is refused
	Keep   []string // absolute paths of files whose content is kept

	limits *treeLimits // nil: maxTree
}

// treeLimits bounds what is remembered of a Tree. Those of maxTree are several
// times what a payload with every component takes.
type treeLimits struct {
	entries int   // files and folders
	links   int   // symbolic links: each leads to a path that is remembered beside its own
	path    int   // bytes of a path or a target
	names   int   // bytes of all paths and targets of links
	bytes   int64 // of all files
	file    int64 // bytes of a file whose content is kept
	program int64 // bytes of an ELF file
	kept    int64 // bytes of all contents that are kept
	objects int   // ELF files
	needs   int   // names of libraries that ELF files ask for
	strings int   // bytes of the strings of ELF files and of the first lines of scripts
	edges   int   // from one ELF file to another, followed for each program anew
	looks   int   // elements of search paths that are looked into
	faults  int   // findings
}

var maxTree = treeLimits{
	entries: 250_000, links: 20_000, path: 1024, names: 32 << 20, bytes: 32 << 30, file: 8 << 20, program: 2 << 30, kept: 24 << 20,
	objects: 10_000, needs: 100_000, strings: 8 << 20, edges: 5_000_000, looks: 2_000_000, faults: 10_000,
}

// ErrTooLarge is wrapped where a Tree goes beyond what is remembered of one.
var ErrTooLarge = errors.New("this is more than is looked at")

// ReadTree reads a tar stream whose names are those of opt.Prefix without the
// leading slash, up to its end. Errors of ctx end it, too.
func ReadTree(ctx context.Context, stream io.Reader, opt TreeOptions) (*Tree, error) {
	prefix, err := CleanPrefix(opt.Prefix)
	if err != nil {
		return nil, err
	}
	limits := opt.limits
	if limits == nil {
		limits = &maxTree
	}
	t := &Tree{
		prefix: prefix, view: newFixedView(), found: map[string]*scanned{},
		files: newFiles(), contents: map[string][]byte{}, limits: *limits, left: *limits,
	}
	t.files.closed = true
	archive := tar.NewReader(stream)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		header, err := archive.Next()
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the tree: %w", err)
		}
		if err := t.add(header, archive, opt.Keep); err != nil {
			return nil, fmt.Errorf("reading %q: %w", header.Name, err)
		}
	}
}

// capability is the PAX record of the extended attribute with the capabilities
// of a program.
const capability = "SCHILY.xattr.security.capability"

// add takes note of one entry of the stream.
func (t *Tree) add(header *tar.Header, content io.Reader, keep []string) error {
	name := path.Clean("/" + header.Name)
	if !tree.Within(name, t.prefix) {
		return fmt.Errorf("it is not below %s", t.prefix)
	}
	if len(name) > t.limits.path || len(header.Linkname) > t.limits.path {
		return fmt.Errorf("%w: a name of more than %d bytes", ErrTooLarge, t.limits.path)
	}
	mode := header.FileInfo().Mode()
	added, err := t.view.put(name, mode.Type(), header.Linkname)
	if err != nil {
		return err
	}
	t.left.entries -= added
	t.left.names -= len(name) + len(header.Linkname)
	if t.left.entries < 0 || t.left.names < 0 {
		return fmt.Errorf("%w: %d files and folders, %d bytes of names", ErrTooLarge, t.limits.entries, t.limits.names)
	}
	s := &scanned{location: location{name, name}, mode: mode, size: header.Size}
	switch header.Typeflag {
	case tar.TypeSymlink:
		if t.left.links--; t.left.links < 0 {
			return fmt.Errorf("%w: %d symbolic links", ErrTooLarge, t.limits.links)
		}
		s.target = header.Linkname
		t.links = append(t.links, s)
	case tar.TypeLink:
		t.link(name, path.Clean("/"+header.Linkname))
	case tar.TypeReg:
		if t.left.bytes -= header.Size; t.left.bytes < 0 {
			return fmt.Errorf("%w: files of %d bytes", ErrTooLarge, t.limits.bytes)
		}
		if err := t.read(s, content, slices.Contains(keep, name)); err != nil {
			return err
		}
	}
	t.permissions = append(t.permissions, permissionFaults(name, mode, header.Uid, header.Gid, header.PAXRecords[capability] != "")...)
	if len(t.permissions) > t.left.faults {
		return fmt.Errorf("%w: %d findings", ErrTooLarge, t.left.faults)
	}
	return nil
}

// link makes name another hard link of the file first.
func (t *Tree) link(name, first string) {
	if data, ok := t.contents[first]; ok {
		t.contents[name] = data
	}
	s := t.found[first]
	if s == nil {
		return
	}
	s.links = append(s.links, location{name, name})
	t.found[name] = s
	t.files.byHost[name] = t.files.byHost[first]
}

// read looks at the content of a regular file.
func (t *Tree) read(s *scanned, content io.Reader, keep bool) error {
	var head [256]byte
	n, err := io.ReadFull(content, head[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	content = io.MultiReader(bytes.NewReader(head[:n]), content)
	switch {
	case keep:
		return t.keep(s.path, s.size, content)
	case n >= 4 && string(head[:4]) == elf.ELFMAG:
		return t.program(s, content)
	case n >= 4:
		s.script = scriptOf(head[:n], s.mode)
	}
	if s.script == "" {
		return nil
	}
	t.found[s.path] = s
	return t.text(len(s.script))
}

// text takes bytes of strings off.
func (t *Tree) text(size int) error {
	if t.left.strings -= size; t.left.strings < 0 {
		return fmt.Errorf("%w: %d bytes of strings in ELF files and scripts", ErrTooLarge, t.limits.strings)
	}
	return nil
}

func (t *Tree) keep(name string, size int64, content io.Reader) error {
	if size > t.left.file {
		return fmt.Errorf("%w: it has %d bytes, not at most %d", ErrTooLarge, size, t.left.file)
	}
	if t.left.kept -= size; t.left.kept < 0 {
		return fmt.Errorf("%w: %d bytes of kept files", ErrTooLarge, t.limits.kept)
	}
	data, err := io.ReadAll(io.LimitReader(content, size))
	t.contents[name] = data
	return err
}

// program reads what a loader reads of an ELF file.
func (t *Tree) program(s *scanned, content io.Reader) (err error) {
	if t.left.objects--; t.left.objects < 0 {
		return fmt.Errorf("%w: %d ELF files", ErrTooLarge, t.limits.objects)
	}
	if s.size > t.left.program {
		return fmt.Errorf("%w: an ELF file of %d bytes, not at most %d", ErrTooLarge, s.size, t.left.program)
	}
	body, done, err := seekable(content, s.size)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	f := &file{host: s.path}
	t.found[s.path], t.files.byHost[s.path] = s, f
	if f.object, f.err = ReadObject(body); f.err != nil {
		f.object, s.broken = nil, f.err
		return nil
	}
	s.object, f.versions = f.object, &versions{}
	if f.object.Dynamic {
		f.versions, _ = f.object.readVersions(body) // as far as they can be read
	}
	f.object.layout = nil
	needs, text := f.size()
	if t.left.needs -= needs; t.left.needs < 0 {
		return fmt.Errorf("%w: %d names of libraries", ErrTooLarge, t.limits.needs)
	}
	if err := t.text(text); err != nil {
		return err
	}
	if isLibc(f.object.Soname) {
		return t.keep(s.path, s.size, io.NewSectionReader(body, 0, s.size))
	}
	return nil
}

// isLibc reports whether Verify reads a library of this name as a whole.
func isLibc(soname string) bool {
	for _, a := range abis {
		if soname == a.loader {
			return true
		}
	}
	return soname == libcSoname
}

// size returns how many names of libraries the file has, and the bytes of all
// strings.
func (f *file) size() (needs, text int) {
	o := f.object
	text = len(o.Interp) + len(o.Soname) + len(o.Rpath) + len(o.Runpath)
	names := slices.Concat(o.Needed, f.versions.defined)
	for _, filter := range o.Filters {
		names = append(names, filter.Name)
	}
	for _, n := range f.versions.needed {
		names = append(append(names, n.library), n.names...)
	}
	for _, name := range names {
		text += len(name)
	}
	return len(names), text
}

// inMemory is the size in bytes of the largest ELF file that needs no file of
// this machine to be looked at.
const inMemory = 1 << 20

// seekable makes a stream one that can be read at any place until done is
// called.
func seekable(content io.Reader, size int64) (_ io.ReaderAt, done func() error, err error) {
	if size <= inMemory {
		data, err := io.ReadAll(content)
		return bytes.NewReader(data), func() error { return nil }, err
	}
	file, err := os.CreateTemp("", "oh-elf-")
	if err != nil {
		return nil, nil, err
	}
	// Without a name it goes with the process, however that ends.
	if err := errors.Join(os.Remove(file.Name()), copyAll(file, content)); err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, file.Close, nil
}

func copyAll(to io.Writer, from io.Reader) error {
	_, err := io.Copy(to, from)
	return err
}

// Has reports whether something is at an absolute path, links resolved.
func (t *Tree) Has(name string) bool {
	_, err := t.view.Lookup(name)
	return err == nil
}

// Content returns the content of a file that was to be kept, nil where there
// is no regular file of that name.
func (t *Tree) Content(name string) []byte { return t.contents[name] }

// Permissions is the function Permissions for the tree.
func (t *Tree) Permissions() []Finding {
	slices.SortStableFunc(t.permissions, func(a, b Finding) int { return strings.Compare(a.Path, b.Path) })
	return t.permissions
}

// Verify is the function Verify for the tree. What lies outside of the tree is
// not there. The tree's own prefix counts, whatever opt says.
func (t *Tree) Verify(ctx context.Context, opt VerifyOptions) (*VerifyReport, error) {
	opt.Prefix = t.prefix
	list := slices.Clone(t.links)
	for name, s := range t.found {
		if name == s.path {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *scanned) int { return strings.Compare(a.path, b.path) })
	v := &verifier{opt: opt, view: t.view, content: t.content, known: t.files, limits: t.left}
	return v.run(ctx, list)
}

func (t *Tree) content(host string) ([]byte, error) {
	if data, ok := t.contents[host]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("%s: %w", host, fs.ErrNotExist)
}
