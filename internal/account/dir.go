//go:build unix

package account

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Dir is the folder that a running system has for its root; "" is the root
// itself.
type Dir string

// maxFile is the size in bytes of the largest file that is read of a running
// system. A directory service's own can be mounted there.
const maxFile = 16 << 20

// ReadAccounts implements Reader.
func (d Dir) ReadAccounts(name string) (content []byte, ok bool, err error) {
	file, err := os.Open(string(d) + name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer file.Close()
	content, err = io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("%s has more than %d MB", name, maxFile>>20)
	}
	return content, err == nil, err
}

// WriteAccounts implements Files. A file is replaced as a whole, behind a link
// that leads to it. Where it cannot be, because it is mounted by itself, the
// folder is read-only or the file's owner cannot be given, it is written in place.
func (d Dir) WriteAccounts(name string, content []byte, mode fs.FileMode) error {
	file := string(d) + name
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target
	}
	next := file + "+"
	err := replacement(file, next, content, mode)
	if err == nil {
		err = os.Rename(next, file)
	}
	if err == nil {
		return nil
	}
	_ = os.Remove(next)
	if errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission) {
		err = os.WriteFile(file, content, mode)
	}
	return err
}

// replacement writes the file next with the mode and the owner of the file that
// it is to replace.
func replacement(file, next string, content []byte, mode fs.FileMode) error {
	owner := syscall.Stat_t{Uid: uint32(os.Geteuid()), Gid: uint32(os.Getegid())}
	if info, err := os.Stat(file); err == nil {
		mode = info.Mode().Perm()
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			owner = *stat
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(content)
	return errors.Join(err, out.Chown(int(owner.Uid), int(owner.Gid)), out.Chmod(mode), out.Sync(), out.Close())
}
