package pack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// copier copies out of a View into a directory that stands for "/". Files
// become root's, keep their times, and hard links among them stay.
type copier struct {
	view    *bundler.View
	out     string
	inodes  map[[2]uint64]string
	sources []string // canonical paths of what was copied
	dropped []string // links that led nowhere, and were left out
}

func newCopier(v *bundler.View, out string) *copier {
	return &copier{view: v, out: out, inodes: map[[2]uint64]string{}}
}

// file copies one file, links resolved.
func (c *copier) file(from, to string) error {
	e, err := c.view.Lookup(from)
	if err != nil {
		return err
	}
	if !e.Mode.IsRegular() {
		return fmt.Errorf("%s is not a regular file", from)
	}
	return c.regular(e, to)
}

func (c *copier) regular(e bundler.Entry, to string) error {
	host := filepath.Join(c.out, to)
	if err := tree.MakeDirs(c.out, path.Dir(to)); err != nil {
		return err
	}
	info, err := os.Lstat(e.Host)
	if err != nil {
		return err
	}
	c.sources = append(c.sources, e.Real)
	if key, linked := tree.Inode(info); linked {
		if first := c.inodes[key]; first != "" {
			if err := os.Remove(host); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return os.Link(first, host)
		}
		c.inodes[key] = host
	}
	return tree.CopyFile(e.Host, host, info)
}

// tree copies a directory with everything below it.
func (c *copier) tree(ctx context.Context, t Copy) error {
	e, err := c.view.Lookup(t.From)
	if err != nil {
		return err
	}
	if !e.Mode.IsDir() {
		return fmt.Errorf("%s is not a directory", t.From)
	}
	return c.dir(ctx, t, e.Real, e.Real, "", []string{})
}

// dir copies the canonical directory from, which has the path rel below the
// tree that begins at top. Above are the directories that links were followed
// out of, to stop at loops.
func (c *copier) dir(ctx context.Context, t Copy, top, from, rel string, above []string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if slices.Contains(above, from) {
		return fmt.Errorf("%s: a link leads back to it", from)
	}
	entries, err := c.view.ReadDir(from)
	if err != nil {
		return err
	}
	to := path.Join(t.To, rel)
	if err := tree.MakeDirs(c.out, to); err != nil {
		return err
	}
	for _, e := range entries {
		below := path.Join(rel, path.Base(e.Path))
		if excluded(t.Exclude, below) {
			continue
		}
		linked := e.Mode&fs.ModeSymlink != 0
		if linked {
			resolved, err := c.view.Lookup(e.Path)
			if errors.Is(err, fs.ErrNotExist) {
				c.dropped = append(c.dropped, e.Path)
				continue
			}
			if err != nil {
				return err
			}
			if target, ok := strings.CutPrefix(resolved.Real, top+"/"); ok && !excluded(t.Exclude, target) {
				if err := c.link(e.Host, rel, target, path.Join(t.To, below)); err != nil {
					return err
				}
				continue
			}
			e = resolved
		}
		switch {
		case e.Mode.IsDir() && linked:
			err = c.dir(ctx, t, top, e.Real, below, append(above[:len(above):len(above)], from))
		case e.Mode.IsDir():
			err = c.dir(ctx, t, top, e.Real, below, above)
		case e.Mode.IsRegular():
			err = c.regular(e, path.Join(t.To, below))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// link copies a symbolic link of the tree's directory dir that leads to the
// path real, both relative to the top: as it is, or as the shortest relative
// link where its text leads out of the tree on the way.
func (c *copier) link(host, dir, resolved, to string) error {
	target, err := os.Readlink(host)
	if err != nil {
		return err
	}
	if path.IsAbs(target) || strings.HasPrefix(path.Join(dir, target), "..") {
		if target, err = filepath.Rel("/"+dir, "/"+resolved); err != nil {
			return err
		}
	}
	return tree.Symlink(target, c.out, to)
}

// excluded matches a relative path and all directories above it.
func excluded(patterns []string, rel string) bool {
	for ; rel != "." && rel != ""; rel = path.Dir(rel) {
		for _, pattern := range patterns {
			subject := rel
			if !strings.Contains(pattern, "/") {
				subject = path.Base(rel)
			}
			if ok, err := path.Match(pattern, subject); ok && err == nil {
				return true
			}
		}
	}
	return false
}

// move brings everything below root/prefix to out, except the paths of skip
// and mounted directories: by renaming, or by copying where the two are on
// different file systems.
func move(ctx context.Context, root, out, prefix string, skip map[string]bool) error {
	c := newCopier(bundler.NewView(root), out)
	if _, err := os.Lstat(filepath.Join(root, prefix)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return tree.Walk(root, prefix, func(host string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		p := tree.Inside(root, host)
		if d.IsDir() {
			if isMount(host) {
				return fs.SkipDir
			}
			if skip[p] {
				return nil
			}
			return tree.MakeDirs(out, p)
		}
		if skip[p] || isMount(host) {
			return nil
		}
		to := filepath.Join(out, p)
		if err := tree.MakeDirs(out, path.Dir(p)); err != nil {
			return err
		}
		err = os.Rename(host, to)
		if !errors.Is(err, syscall.EXDEV) && !errors.Is(err, syscall.EROFS) && !errors.Is(err, syscall.EBUSY) {
			if err != nil {
				return err
			}
			return tree.Own(to)
		}
		if d.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(host)
			if err != nil {
				return err
			}
			return tree.Symlink(target, out, p)
		}
		return c.regular(bundler.Entry{Path: p, Real: p, Host: host, Mode: d.Type()}, p)
	})
}
