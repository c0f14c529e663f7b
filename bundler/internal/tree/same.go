package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Same compares kind, mode and content, or the targets of two links. Two
// directories are the same.
func Same(a, b string) (bool, error) {
	ia, err := os.Lstat(a)
	if err != nil {
		return false, err
	}
	ib, err := os.Lstat(b)
	if err == nil && ia.IsDir() && ib.IsDir() {
		return true, nil
	}
	if err != nil || ia.Mode() != ib.Mode() {
		return false, err
	}
	if ia.Mode()&fs.ModeSymlink == 0 {
		return SameContent(a, b)
	}
	ta, err := os.Readlink(a)
	if err != nil {
		return false, err
	}
	tb, err := os.Readlink(b)
	return ta == tb, err
}

// SameContent compares two regular files piece by piece.
func SameContent(a, b string) (bool, error) {
	fa, err := Open(a)
	if err != nil {
		return false, err
	}
	defer fa.Close()
	fb, err := Open(b)
	if err != nil {
		return false, err
	}
	defer fb.Close()
	pa, pb := make([]byte, 1<<16), make([]byte, 1<<16)
	for {
		na, errA := io.ReadFull(fa, pa)
		nb, errB := io.ReadFull(fb, pb)
		if !bytes.Equal(pa[:na], pb[:nb]) {
			return false, nil
		}
		if errA != nil || errB != nil {
			if ended(errA) && ended(errB) {
				return true, nil
			}
			return false, fmt.Errorf("comparing %s and %s: %w", a, b, firstError(errA, errB))
		}
	}
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

func firstError(a, b error) error {
	if a != nil && !ended(a) {
		return a
	}
	return b
}
