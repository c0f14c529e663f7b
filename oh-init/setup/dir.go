//go:build unix

package setup

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/docker-openhands/docker-openhands/internal/folder"
)

// Dir is a directory seen as a root file system.
type Dir struct{ root *os.Root }

// DirView opens the directory root as a View. No path leads out of it, even
// while its links change.
func DirView(root string) (*Dir, error) {
	opened, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("opening root file system: %w", err)
	}
	return &Dir{opened}, nil
}

// Close releases the directory.
func (d *Dir) Close() error { return d.root.Close() }

// Lstat implements View.
func (d *Dir) Lstat(name string) (Entry, error) {
	info, err := d.root.Lstat(local(name))
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Mode: info.Mode(), Size: info.Size()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		e.UID, e.GID = int(stat.Uid), int(stat.Gid)
	}
	if e.Mode&fs.ModeSymlink != 0 {
		e.Target, err = d.root.Readlink(local(name))
	}
	return e, err
}

// ReadFile implements View.
func (d *Dir) ReadFile(name string) ([]byte, error) { return d.root.ReadFile(local(name)) }

// Program implements View.
func (d *Dir) Program(name string) (Program, error) {
	f, err := d.root.OpenFile(local(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Unknown, err
	}
	defer f.Close()
	head := make([]byte, ProgramHead)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Unknown, err
	}
	return Recognize(head[:n]), nil
}

// ReadDir implements View.
func (d *Dir) ReadDir(name string) ([]string, error) {
	f, err := d.root.Open(local(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// Apply makes changes, as Plan returned them, below the directory root. Each
// file and link appears in its final state by a rename; what is already so is
// not touched.
func Apply(root string, changes []Change) error {
	d, err := DirView(root)
	if err != nil {
		return err
	}
	defer d.Close()
	for _, c := range changes {
		if err := d.apply(c); err != nil {
			return fmt.Errorf("setting up %s: %w", c.Path, err)
		}
	}
	return nil
}

// apply makes one change. What leads to it is entered element by element, and
// no link is followed there: Plan has resolved the path.
func (d *Dir) apply(c Change) error {
	if c.Path == "/" {
		return d.applyDir(".", c)
	}
	opened, err := folder.Descend(d.root, path.Dir(c.Path))
	if err != nil {
		return err
	}
	defer opened.Close()
	parent, name := &Dir{opened}, path.Base(c.Path)
	if c.Mode.IsDir() {
		return parent.applyDir(name, c)
	}
	temporary := "." + name + "." + rand.Text()
	if len(temporary) > maxName {
		temporary = "." + rand.Text()
	}
	if err := parent.write(temporary, c); err != nil {
		return errors.Join(err, ignoreMissing(opened.Remove(temporary)))
	}
	if err := opened.Rename(temporary, name); err != nil {
		return errors.Join(err, opened.Remove(temporary))
	}
	return nil
}

func (d *Dir) applyDir(name string, c Change) error {
	if err := d.root.Mkdir(name, c.Mode.Perm()); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	e, err := d.Lstat("/" + name)
	if err != nil {
		return err
	}
	if e.UID != c.UID || e.GID != c.GID {
		if err := d.root.Lchown(name, c.UID, c.GID); err != nil {
			return err
		}
	}
	if e.Mode == c.Mode {
		return nil
	}
	return d.root.Chmod(name, c.Mode)
}

func (d *Dir) write(name string, c Change) error {
	if c.Mode&fs.ModeSymlink != 0 {
		if err := d.root.Symlink(c.Target, name); err != nil {
			return err
		}
		return d.root.Lchown(name, c.UID, c.GID)
	}
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(c.Content)
	if err == nil {
		err = f.Chown(c.UID, c.GID)
	}
	if err == nil { // after chown, which clears the setuid bit
		err = f.Chmod(c.Mode)
	}
	return errors.Join(err, f.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
