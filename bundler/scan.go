package bundler

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// place is where a file lies.
type place struct {
	path string // inside the tree
	host string
}

// scanned is a file of a tree that something is known about.
type scanned struct {
	place
	mode   fs.FileMode
	size   int64
	links  []place // its other hard links
	object *Object // nil: not ELF
	broken error   // why an ELF file could not be read
	script string  // interpreter line without #!, empty: not a script
	target string  // of a symbolic link
}

// places returns all of a file with several hard links.
func (s *scanned) places() []place { return append([]place{s.place}, s.links...) }

// sealable reports whether the file is linked dynamically for the machine.
func (s *scanned) sealable(machine elf.Machine) bool {
	o := s.object
	return o != nil && !o.Foreign && o.Machine == machine && o.Dynamic &&
		(o.Type == elf.ET_DYN || o.Type == elf.ET_EXEC) && !o.Static()
}

// walk is filepath.WalkDir for root/below, where no link may lead: that would
// be out of root, or to nothing that is walked.
func walk(root, below string, visit fs.WalkDirFunc) error {
	if err := checkDirs(root, below); err != nil {
		return err
	}
	return filepath.WalkDir(filepath.Join(root, below), visit)
}

// scan walks root/below and returns its symbolic links, ELF files and scripts
// in lexical order. Of a file with several hard links the first is returned.
func scan(ctx context.Context, root, below string) ([]*scanned, error) {
	var all []*scanned
	inodes := map[[2]uint64]*scanned{}
	err := walk(root, below, func(host string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		s := &scanned{place: place{inTree(root, host), host}, mode: d.Type()}
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
			if key, linked := inode(info); linked {
				if first := inodes[key]; first != nil {
					first.links = append(first.links, s.place)
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
	f, err := os.Open(s.host)
	if err != nil {
		return err
	}
	defer f.Close()
	var head [256]byte
	n, err := f.ReadAt(head[:], 0)
	if n < 4 {
		return fmt.Errorf("reading %s: %w", s.host, err)
	}
	switch {
	case string(head[:4]) == elf.ELFMAG:
		if s.object, err = ReadObject(f); err != nil && !errors.Is(err, ErrNotELF) {
			s.object, s.broken = nil, err
		}
	default:
		s.script = scriptOf(head[:n], s.mode)
	}
	return nil
}

// scriptOf returns the interpreter line of a file that begins with head; empty
// where it is no script that can be executed.
func scriptOf(head []byte, mode fs.FileMode) string {
	if !bytes.HasPrefix(head, []byte("#!")) || mode&0o111 == 0 {
		return ""
	}
	line, _, _ := bytes.Cut(head[2:], []byte("\n"))
	return strings.TrimSpace(string(line))
}

// inTree returns the path that a host path has inside a root.
func inTree(root, host string) string {
	rel, err := filepath.Rel(root, host)
	if err != nil || rel == "." {
		return "/"
	}
	return "/" + filepath.ToSlash(rel)
}

// inode identifies a file that has several hard links.
func inode(info fs.FileInfo) (key [2]uint64, linked bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Nlink < 2 {
		return key, false
	}
	return [2]uint64{uint64(st.Dev), st.Ino}, true
}
