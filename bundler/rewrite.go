package bundler

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// apply carries the rewrite out on the file at a host path. Where the new
// string already stands in all places it does nothing.
func (w Rewrite) apply(host string) error {
	if err := w.applyTo(host); err != nil {
		return fmt.Errorf("rewriting %q in %s: %w", w.Old, w.File, err)
	}
	return nil
}

func (w Rewrite) applyTo(host string) error {
	f, err := tree.Open(host)
	if err != nil {
		return err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	patches, err := w.plan(f)
	if err != nil || len(patches) == 0 {
		return err
	}
	return replace(host, versionOf(&st), patches, nil)
}

func (w Rewrite) plan(f io.ReaderAt) ([]Patch, error) {
	var err error
	replacement := w.New
	if w.Pad == PadSlash {
		if replacement, err = padSlash(w.New, len(w.Old)); err != nil {
			return nil, err
		}
	}
	at, err := find(f, []byte(w.Old))
	if err != nil {
		return nil, err
	}
	if len(at) == 0 && replacement != "" {
		done, err := find(f, []byte(replacement))
		if err != nil {
			return nil, err
		}
		if len(done) == w.Count {
			return nil, nil
		}
	}
	if len(at) != w.Count {
		return nil, fmt.Errorf("found %d times, expected %d", len(at), w.Count)
	}
	var patches []Patch
	for _, off := range at {
		if w.Pad == PadSlash || len(w.New) == len(w.Old) {
			patches = append(patches, Patch{Offset: off, Old: []byte(w.Old), New: []byte(replacement), Reason: "compiled-in path"})
			continue
		}
		old, err := cString(f, off)
		if err != nil {
			return nil, err
		}
		if n := len(patches); n > 0 && patches[n-1].Offset+int64(len(patches[n-1].Old)) > off {
			return nil, errors.New("two places in one string")
		}
		new := make([]byte, len(old))
		copy(new[copy(new, w.New):], old[len(w.Old):])
		patches = append(patches, Patch{Offset: off, Old: old, New: new, Reason: "compiled-in path"})
	}
	return patches, nil
}

// cString reads from off up to, not including, the next NUL.
func cString(r io.ReaderAt, off int64) ([]byte, error) {
	b := make([]byte, maxString)
	n, err := r.ReadAt(b, off)
	if err != nil && err != io.EOF {
		return nil, err
	}
	s, _, ok := bytes.Cut(b[:n], []byte{0})
	if !ok {
		return nil, errors.New("the string does not end in NUL")
	}
	return s, nil
}

// find returns the offsets of a pattern, reading the file piece by piece.
func find(r io.ReaderAt, pattern []byte) ([]int64, error) {
	const piece = 1 << 20
	buf := make([]byte, piece+len(pattern)-1)
	var found []int64
	for base := int64(0); ; base += piece {
		n, err := r.ReadAt(buf, base)
		if err != nil && err != io.EOF {
			return nil, err
		}
		for _, i := range indexAll(buf[:n], pattern) {
			if i < piece {
				found = append(found, base+int64(i))
			}
		}
		if err == io.EOF {
			return found, nil
		}
	}
}
