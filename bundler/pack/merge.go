package pack

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
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
			p := tree.Inside(dir, host)
			first, seen := origin[p]
			if !seen {
				origin[p] = host
				return mergeEntry(host, out, p, d)
			}
			same, err := tree.Same(first, host)
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
		return tree.MakeDirs(out, p)
	}
	if d.Type()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(host)
		if err != nil {
			return err
		}
		return tree.Symlink(target, out, p)
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is neither a file nor a link", host)
	}
	return tree.CopyFile(host, filepath.Join(out, p), info)
}
