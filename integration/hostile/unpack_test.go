//go:build linux

package hostile

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// unpack makes the folder root the root file system t. It takes root.
func (t Tree) unpack(root string) error {
	names := slices.Sorted(maps.Keys(t))
	for _, name := range names { // folders first
		if err := t[name].unpack(path.Join(root, name)); err != nil {
			return err
		}
	}
	for _, name := range slices.Backward(names) { // what cannot be entered last
		if e := t[name]; e.Typeflag != tar.TypeSymlink {
			if err := syscall.Chmod(path.Join(root, name), uint32(e.Mode)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e Entry) unpack(name string) (err error) {
	switch e.Typeflag {
	case tar.TypeDir:
		if err = os.Mkdir(name, 0o700); errors.Is(err, fs.ErrExist) {
			err = nil
		}
	case tar.TypeSymlink:
		err = os.Symlink(e.Linkname, name)
	case tar.TypeChar:
		err = syscall.Mknod(name, syscall.S_IFCHR, int(unix.Mkdev(uint32(e.Devmajor), uint32(e.Devminor))))
	case tar.TypeFifo:
		err = syscall.Mkfifo(name, 0o600)
	default:
		if err = os.WriteFile(name, []byte(e.Content), 0o600); err == nil && e.Hole > 0 {
			err = os.Truncate(name, e.Hole)
		}
	}
	if err != nil {
		return err
	}
	return os.Lchown(name, e.Uid, e.Gid)
}

// state is what a path is.
type state struct {
	Mode     fs.FileMode
	UID, GID int
	Size     int64
	Content  string // a digest, or a link's target
}

// snapshot describes all paths below root but those of the payload.
func snapshot(root string) (map[string]state, error) {
	all := map[string]state{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		owner := info.Sys().(*syscall.Stat_t)
		s := state{Mode: info.Mode(), UID: int(owner.Uid), GID: int(owner.Gid)}
		switch s.Mode.Type() {
		case 0:
			s.Size = info.Size()
			if s.Size < 64<<20 {
				var data []byte
				data, err = os.ReadFile(name)
				sum := sha256.Sum256(data)
				s.Content = string(sum[:])
			}
		case fs.ModeSymlink:
			s.Content, err = os.Readlink(name)
		}
		all[clean(name[len(root):])] = s
		return err
	})
	return all, err
}
