package bundler

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Merge unites the trees dirs in out. A path that several of them have must be
// a directory in all, or lead to the same content; otherwise the error names
// both files.
func Merge(ctx context.Context, out string, dirs ...string) error {
	origin := map[string]string{} // path inside the tree to its first host path
	for _, dir := range dirs {
		// A walk does not follow the link that dir may be.
		err := filepath.WalkDir(dir+"/.", func(host string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			p := inTree(dir, host)
			first, seen := origin[p]
			if !seen {
				origin[p] = host
				return mergeEntry(host, out, p, d)
			}
			same, err := sameFile(first, host)
			if err == nil && !same {
				err = fmt.Errorf("%s differs: %s and %s", p, first, host)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("merging %s: %w", dir, err)
		}
	}
	return nil
}

func mergeEntry(host, out, p string, d fs.DirEntry) error {
	if d.IsDir() {
		return makeDirs(out, p)
	}
	if d.Type()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(host)
		if err != nil {
			return err
		}
		return symlink(target, out, p)
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is neither a file nor a link", host)
	}
	return copyFile(host, filepath.Join(out, p), info)
}

// sameFile compares kind, mode and content, or the targets of two links. Two
// directories are the same.
func sameFile(a, b string) (bool, error) {
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
		return sameContent(a, b)
	}
	ta, err := os.Readlink(a)
	if err != nil {
		return false, err
	}
	tb, err := os.Readlink(b)
	return ta == tb, err
}

// sameContent compares two regular files piece by piece.
func sameContent(a, b string) (bool, error) {
	fa, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer fa.Close()
	fb, err := os.Open(b)
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

func ended(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }

func firstError(a, b error) error {
	if a != nil && !ended(a) {
		return a
	}
	return b
}
