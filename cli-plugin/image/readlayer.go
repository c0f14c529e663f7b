package image

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/docker-openhands/docker-openhands/oh-init/setup"
)

// KeepFunc decides whether the content of a regular file is kept.
type KeepFunc func(name string, size int64) bool

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
