package bundler

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// Rewrite replaces a string inside a file by one that is not longer. The file
// keeps its size. Linkers let a string that ends like another share its bytes
// ("certs" may be the end of "/usr/lib/ssl/certs"): where the program needs
// the end by itself too, New must keep it in place.
type Rewrite struct {
	File  string `json:"file"` // of the tree; its other hard links keep the old string
	Old   string `json:"old"`
	New   string `json:"new"`
	Count int    `json:"count"` // exact number of places

	// Pad is how the place of a longer Old is filled. PadNUL, the default,
	// moves the rest of the NUL-terminated string up and adds NULs at its end.
	// PadSlash repeats the last slash of New: for paths whose length is
	// compiled in elsewhere.
	Pad string `json:"pad,omitempty"`

	// Optional lets the file be absent, for rewrites of a library that only
	// some components bring.
	Optional bool `json:"optional,omitempty"`
}

// Values of Rewrite.Pad.
const (
	PadNUL   = "nul"
	PadSlash = "slash"
)

// Check returns what keeps a rewrite from being carried out on any file.
func (w Rewrite) Check() error {
	var fault string
	switch {
	case w.Old == "" || w.Count < 1:
		fault = "old and count must be given"
	case strings.ContainsRune(w.Old, 0) && len(w.New) < len(w.Old) && w.Pad != PadSlash:
		fault = fmt.Sprintf("%q contains NUL, so %q must be as long", w.Old, w.New)
	case len(w.New) > len(w.Old):
		fault = fmt.Sprintf("%q is longer than %q", w.New, w.Old)
	case strings.Contains(w.New, w.Old) && w.New != w.Old:
		fault = fmt.Sprintf("%q contains %q", w.New, w.Old)
	case w.Pad != "" && w.Pad != PadNUL && w.Pad != PadSlash:
		fault = fmt.Sprintf("pad %q is neither %q nor %q", w.Pad, PadNUL, PadSlash)
	case w.Pad == PadSlash && !strings.Contains(w.New, "/"):
		fault = fmt.Sprintf("%q has no slash to repeat", w.New)
	default:
		return nil
	}
	return fmt.Errorf("rewrite of %s: %s", w.File, fault)
}

// Apply carries the rewrite out on the file at a host path, which is replaced by
// a patched copy. Where the new string already stands in all places it does
// nothing.
func (w Rewrite) Apply(host string) error {
	if err := w.apply(host); err != nil {
		return fmt.Errorf("rewriting %q in %s: %w", w.Old, w.File, err)
	}
	return nil
}

func (w Rewrite) apply(host string) error {
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
		replacement := make([]byte, len(old))
		copy(replacement[copy(replacement, w.New):], old[len(w.Old):])
		patches = append(patches, Patch{Offset: off, Old: old, New: replacement, Reason: "compiled-in path"})
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
