//go:build unix

package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/docker-openhands/docker-openhands/internal/account"
	"github.com/docker-openhands/docker-openhands/internal/folder"
	"github.com/docker-openhands/docker-openhands/internal/home"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Restore makes what a volume mounted over the root file system of a container
// can hide: folders for temporary files and, if there is the account, its home
// and the workspace. Each appears whole or, with an error, not at all, whatever
// becomes of the others.
//
// What is there stays as it is, a home with all that is in it, even if it is
// a link that leads nowhere; an empty home is filled, and of temporary folders
// the mode is mended. Root calls this while other users may be at work: see the
// package folder.
func Restore(root, user string) error {
	d, err := DirView(root)
	if err != nil {
		return err
	}
	defer d.Close()
	steps := []func(*stage) error{
		func(s *stage) error { return d.temporary(s, "/tmp") },
		func(s *stage) error { return d.temporary(s, "/var/tmp") },
	}
	owner, known, err := newLive(d).lookup(user)
	if known {
		steps = append(steps,
			func(s *stage) error { return d.home(s, owner) },
			func(s *stage) error { return s.workspace(payload.Workspace, owner) })
	}
	errs := []error{err}
	for _, step := range steps {
		s := newLive(d)
		err := step(s)
		if err == nil {
			err = d.makeNew(sorted(s.staged))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// MakeHome makes the home of an account of the running system, as Restore does
// and under its rules. It is no error when there is no such account.
func MakeHome(root, user string) error {
	d, err := DirView(root)
	if err != nil {
		return err
	}
	defer d.Close()
	s := newLive(d)
	owner, known, err := s.lookup(user)
	if err != nil || !known {
		return err
	}
	if err := d.home(s, owner); err != nil {
		return fmt.Errorf("making the home of %s: %w", user, err)
	}
	return d.makeNew(sorted(s.staged))
}

func newLive(root View) *stage {
	s := newStage(root)
	s.shared, s.live = true, true
	return s
}

// temporary mends the mode of a folder for temporary files where nobody else
// can have put it in the place, and stages one that is missing.
func (d *Dir) temporary(s *stage, name string) error {
	resolved, e, ok, err := s.resolve(name)
	if err != nil {
		return err
	}
	if !ok || !e.Mode.IsDir() {
		return s.temporary(name)
	}
	alone, err := s.rootsAlone(path.Dir(resolved))
	if err != nil || !alone || e.Mode&temporaryMode == temporaryMode {
		return err
	}
	return d.root.Chmod(local(resolved), e.Mode|temporaryMode)
}

// home stages a home that is missing, and gives an empty one, which a volume
// or a tmpfs is at first, the files that a login bash reads. Nothing is replaced
// in it.
func (d *Dir) home(s *stage, a account.User) error {
	resolved, e, ok, err := s.resolve(a.Home)
	switch {
	case err != nil || resolved == "/":
		return err
	case !ok:
		return s.home(a, homeMode)
	case !e.Mode.IsDir():
		return nil
	}
	dir, err := folder.Descend(d.root, resolved)
	if err != nil {
		return err
	}
	defer dir.Close()
	found, err := fs.ReadDir(dir.FS(), ".")
	if err != nil || slices.ContainsFunc(found, func(e fs.DirEntry) bool { return e.Name() != "lost+found" }) {
		return err
	}
	return home.Furnish(func(name, content string) error {
		c := Change{Mode: 0o644, UID: a.UID, GID: a.GID, Content: []byte(content)}
		if err := (&Dir{dir}).write(name, c); err != nil && !errors.Is(err, fs.ErrExist) {
			return errors.Join(err, ignoreMissing(dir.Remove(name)))
		}
		return nil
	})
}

// makeNew makes the folders that lead to all other changes, each with what is
// below it.
func (d *Dir) makeNew(changes []Change) error {
	for len(changes) > 0 {
		top := changes[0]
		inside := func(c Change) bool { return below(c.Path, top.Path) }
		parent, err := folder.Descend(d.root, path.Dir(top.Path))
		if err != nil {
			return err
		}
		attributes := folder.Attributes{Mode: top.Mode &^ fs.ModeDir, UID: top.UID, GID: top.GID}
		err = folder.Make(parent, path.Base(top.Path), attributes, func(dir *os.Root) error {
			inner := &Dir{dir}
			for _, c := range changes {
				if !inside(c) {
					continue
				}
				c.Path = c.Path[len(top.Path):]
				if err := inner.apply(c); err != nil {
					return err
				}
			}
			return nil
		})
		// One that another process has made meanwhile is as good.
		if err = errors.Join(err, parent.Close()); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("making %s: %w", top.Path, err)
		}
		changes = slices.DeleteFunc(changes[1:], inside)
	}
	return nil
}
