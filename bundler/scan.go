package bundler

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// location is where a file lies.
type location struct {
	path string // inside the tree
	host string
}

// scanned is a file of a tree that something is known about.
type scanned struct {
	location
	mode   fs.FileMode
	size   int64
	inode  [2]uint64  // of a file with several links that was found on this machine
	links  []location // its other hard links
	object *Object    // nil: not ELF
	broken error      // why an ELF file could not be read
	script string     // interpreter line without #!, empty: not a script
	target string     // of a symbolic link
}

// locations returns all of a file with several hard links.
func (s *scanned) locations() []location { return append([]location{s.location}, s.links...) }

// sealable reports whether the file is linked dynamically for the machine.
func (s *scanned) sealable(machine elf.Machine) bool {
	o := s.object
	return o != nil && !o.Foreign && o.Machine == machine && o.Dynamic &&
		(o.Type == elf.ET_DYN || o.Type == elf.ET_EXEC) && !o.Static()
}

// maxScanned is how many files that something is known about a tree may have.
const maxScanned = 100_000

// scan walks root/below and returns its symbolic links, ELF files and scripts
// in lexical order. Of a file with several hard links the first is returned.
// More than maxScanned are an error that wraps ErrTooLarge; of other files
// nothing is remembered.
func scan(ctx context.Context, root, below string) ([]*scanned, error) {
	const together = 4096 // files that are read at a time
	s := scanner{inodes: map[[2]uint64]*scanned{}}
	err := tree.Walk(root, below, func(host string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := s.add(location{tree.Inside(root, host), host}, d); err != nil {
			return err
		}
		if len(s.unread) == together {
			return s.read(ctx)
		}
		return ctx.Err()
	})
	if err == nil {
		err = s.read(ctx)
	}
	if err != nil {
		return nil, err
	}
	return s.kept, nil
}

// scanner is a scan that is under way.
type scanner struct {
	kept, unread []*scanned
	inodes       map[[2]uint64]*scanned // of files with several links, nil: nothing is known about it
}

// add takes a file of the walk down.
func (s *scanner) add(at location, d fs.DirEntry) error {
	f := &scanned{location: at, mode: d.Type()}
	switch {
	case d.Type()&fs.ModeSymlink != 0:
		var err error
		if f.target, err = os.Readlink(at.host); err != nil {
			return err
		}
	case d.Type().IsRegular():
		info, err := d.Info()
		if err != nil {
			return err
		}
		f.mode, f.size = info.Mode(), info.Size()
		if key, linked := tree.Inode(info); linked {
			if first, known := s.inodes[key]; known {
				if first != nil {
					first.links = append(first.links, at)
				}
				return nil
			}
			s.inodes[key], f.inode = f, key
		}
	default:
		return nil
	}
	s.unread = append(s.unread, f)
	return nil
}

// read looks at the files that were added, and keeps those that something is
// known about then.
func (s *scanner) read(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		g.Go(func() error {
			for i := w; i < len(s.unread); i += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := s.unread[i].read(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, f := range s.unread {
		switch {
		case f.target != "" || f.object != nil || f.broken != nil || f.script != "":
			s.kept = append(s.kept, f)
		case f.inode != [2]uint64{}:
			s.inodes[f.inode] = nil
		}
	}
	clear(s.unread)
	s.unread = s.unread[:0]
	if len(s.kept) > maxScanned {
		return fmt.Errorf("%w: more than %d links, ELF files and scripts", ErrTooLarge, maxScanned)
	}
	return nil
}

// read looks at the first bytes of a regular file.
func (s *scanned) read() error {
	if !s.mode.IsRegular() || s.size < 4 {
		return nil
	}
	f, err := openSource(s.host)
	if err != nil {
		return err
	}
	defer f.Close()
	head := f.head[:min(f.n, maxScriptLine)]
	if len(head) < 4 {
		return fmt.Errorf("reading %s: %w", s.host, io.ErrUnexpectedEOF)
	}
	switch {
	case string(head[:4]) == elf.ELFMAG:
		// The object is kept, and so must not be in the source's memory.
		if s.object, err = ReadObject(struct{ io.ReaderAt }{f}); err != nil && !errors.Is(err, ErrNotELF) {
			s.object, s.broken = nil, err
		}
	default:
		s.script = scriptOf(head, s.mode)
	}
	return nil
}

// maxScriptLine is how much of a script the kernel looks at for its interpreter
// (BINPRM_BUF_SIZE).
const maxScriptLine = 256

// scriptOf returns the interpreter line of a file that begins with head; empty
// where it is no script that can be executed.
func scriptOf(head []byte, mode fs.FileMode) string {
	if !bytes.HasPrefix(head, []byte("#!")) || mode&0o111 == 0 {
		return ""
	}
	line, _, _ := bytes.Cut(head[2:], []byte("\n"))
	return strings.TrimSpace(string(line))
}
