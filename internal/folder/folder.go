//go:build unix

// Package folder is for root's work in folders that other users can write to.
// What they put in its way, before or meanwhile, is not followed: a folder is
// known by its descriptor, never by its path alone.
package folder

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// Enter opens the folder name in parent. A symbolic link is refused.
func Enter(parent *os.Root, name string) (*os.Root, error) {
	seen, err := parent.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !seen.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOTDIR}
	}
	dir, err := openFolder(parent, name)
	if err != nil {
		return nil, err
	}
	opened, err := dir.Stat(".")
	if err == nil && !os.SameFile(seen, opened) {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("was replaced meanwhile")}
	}
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

// openFolder opens nothing but a folder: opening a named pipe would wait for its
// other end.
func openFolder(parent *os.Root, name string) (*os.Root, error) {
	return parent.OpenRoot(name + "/.")
}

// Descend opens the folder at path below root, entering one element after the
// other.
func Descend(root *os.Root, path string) (*os.Root, error) {
	dir, err := root.OpenRoot(".")
	for name := range strings.SplitSeq(path, "/") {
		if err != nil {
			return nil, fmt.Errorf("entering %s: %w", path, err)
		}
		if name == "" {
			continue
		}
		var next *os.Root
		next, err = Enter(dir, name)
		err = errors.Join(err, dir.Close())
		dir = next
	}
	return dir, err
}

// Attributes are those of a new folder. An ID of -1 stays the process's own.
type Attributes struct {
	Mode     fs.FileMode // beside a setgid bit that the parent hands on
	UID, GID int
}

// Make makes the folder name in parent with what fill puts into it. It appears
// whole, by a rename, or not at all; while it is filled nobody but this user
// can enter it. The error is fs.ErrExist where there is anything of that name.
func Make(parent *os.Root, name string, a Attributes, fill func(dir *os.Root) error) error {
	if _, err := parent.Lstat(name); err == nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: fs.ErrExist}
	}
	temporary := "." + name + "." + rand.Text()
	dir, err := private(parent, temporary)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err = fill(dir); err == nil {
		err = setAttributes(dir, a)
	}
	if err == nil {
		err = parent.Rename(temporary, name)
	}
	if err != nil {
		return errors.Join(err, purge(dir), parent.Remove(temporary))
	}
	return nil
}

// private makes the folder name in parent for nobody but this user.
func private(parent *os.Root, name string) (*os.Root, error) {
	if err := parent.Mkdir(name, 0o700); err != nil {
		return nil, err
	}
	dir, err := enterNew(parent, name)
	if err != nil {
		return nil, err
	}
	info, err := dir.Stat(".")
	if err == nil {
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok || int(stat.Uid) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
			err = &fs.PathError{Op: "mkdir", Path: name, Err: errors.New("others can enter what was made for this user alone")}
		}
	}
	if err != nil {
		return nil, errors.Join(err, dir.Close(), parent.Remove(name))
	}
	return dir, nil
}

// enterNew enters a folder that was just made. One that holds anything is
// another.
func enterNew(parent *os.Root, name string) (*os.Root, error) {
	dir, err := Enter(parent, name)
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err == nil && len(entries) > 0 {
		err = &fs.PathError{Op: "mkdir", Path: name, Err: syscall.ENOTEMPTY}
	}
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

func setAttributes(dir *os.Root, a Attributes) error {
	self, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer self.Close()
	info, err := self.Stat()
	if err != nil {
		return err
	}
	if err := self.Chown(a.UID, a.GID); err != nil {
		return err
	}
	return self.Chmod(a.Mode | info.Mode()&fs.ModeSetgid)
}

func purge(dir *os.Root) error {
	entries, err := fs.ReadDir(dir.FS(), ".")
	for _, entry := range entries {
		err = errors.Join(err, dir.RemoveAll(entry.Name()))
	}
	return err
}

// Give gives a folder that was just made, and is empty therefore, to another
// owner.
func Give(parent *os.Root, name string, uid, gid int) error {
	dir, err := enterNew(parent, name)
	if err != nil {
		return err
	}
	defer dir.Close()
	self, err := dir.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(self.Chown(uid, gid), self.Close())
}
