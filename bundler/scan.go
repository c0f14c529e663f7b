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

// scan walks root/below and returns its symbolic links, ELF files and scripts
// in lexical order. Of a file with several hard links the first is returned.
func scan(ctx context.Context, root, below string) ([]*scanned, error) {
	var all []*scanned
	inodes := map[[2]uint64]*scanned{}
	err := tree.Walk(root, below, func(host string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		s := &scanned{location: location{tree.Inside(root, host), host}, mode: d.Type()}
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			if s.target, err = os.Readlink(host); err != nil {
				return err
			}
		case d.Type().IsRegular():
			info, err := d.Info()
			if err != nil {
				return err
			}
			s.mode, s.size = info.Mode(), info.Size()
			if key, linked := tree.Inode(info); linked {
				if first := inodes[key]; first != nil {
					first.links = append(first.links, s.location)
					return nil
				}
				inodes[key] = s
			}
		default:
			return ctx.Err()
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		return nil, err
	}
	g, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		g.Go(func() error {
			for i := w; i < len(all); i += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := all[i].read(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	kept := all[:0]
	for _, s := range all {
		if s.target != "" || s.object != nil || s.broken != nil || s.script != "" {
			kept = append(kept, s)
		}
	}
	return kept, nil
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
