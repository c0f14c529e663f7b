package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
)

// MakeDirs makes a directory of the tree and those above it, mode 0755. What is
// there already stays as it is, and must be a directory: through a link the tree
// would go on elsewhere.
func MakeDirs(out, dir string) error {
	if dir == "/" || dir == "." {
		return os.MkdirAll(out, 0o755)
	}
	if err := MakeDirs(out, path.Dir(dir)); err != nil {
		return err
	}
	host := filepath.Join(out, dir)
	err := os.Mkdir(host, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return isDirectory(host)
	}
	if err != nil {
		return err
	}
	return os.Chmod(host, 0o755)
}

// CopyFile copies a file with its times; owner and mode become those of Own. An
// existing file is replaced.
func CopyFile(from, to string, info fs.FileInfo) error {
	src, err := Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()|0o200)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if err := errors.Join(err, dst.Close()); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	if err := os.Chmod(to, publicMode(info.Mode())); err != nil {
		return err
	}
	if err := Own(to); err != nil {
		return err
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}

// Own gives a file or link to root, where the process is root's, and a file the
// permissions of the tree: readable by all, executable by all or none, writable
// by its owner only, and without set-user-ID and set-group-ID.
func Own(host string) error {
	info, err := os.Lstat(host)
	if err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		if err := os.Lchown(host, 0, 0); err != nil {
			return err
		}
	}
	if !info.Mode().IsRegular() || info.Mode() == publicMode(info.Mode()) {
		return nil
	}
	return os.Chmod(host, publicMode(info.Mode()))
}

// publicMode returns the permissions that a file gets in the tree, see Own.
func publicMode(mode fs.FileMode) fs.FileMode {
	m := mode.Perm()&0o755 | 0o444
	if m&0o111 != 0 {
		m |= 0o111
	}
	return m
}

// Symlink makes a symbolic link of the tree, with the directories above it. An
// existing file is replaced.
func Symlink(target, out, name string) error {
	host := filepath.Join(out, name)
	if err := MakeDirs(out, path.Dir(name)); err != nil {
		return err
	}
	if have, err := os.Readlink(host); err == nil && have == target {
		return nil
	}
	if err := os.Remove(host); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(target, host)
}

// WriteFile writes a file of the tree, mode 0644, unless it is there already
// with that content. An existing file is replaced.
func WriteFile(out, name string, data []byte) error {
	host := filepath.Join(out, name)
	if err := MakeDirs(out, path.Dir(name)); err != nil {
		return err
	}
	if holds(host, data) {
		return nil
	}
	if err := os.Remove(host); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(host, data, 0o644); err != nil {
		return err
	}
	return os.Chmod(host, 0o644)
}

// holds reports whether a regular file can be read and has a content.
func holds(host string, data []byte) bool {
	f, err := Open(host)
	if err != nil {
		return false
	}
	defer f.Close()
	have, err := io.ReadAll(io.LimitReader(f, int64(len(data))+1))
	return err == nil && bytes.Equal(have, data)
}

// Relink makes name a hard link of host, atomically.
func Relink(host, name string) error {
	tmp := filepath.Join(filepath.Dir(name), fmt.Sprintf(".oh-bundle-%x", rand.Uint64()))
	if err := os.Link(host, tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, name); err != nil {
		os.Remove(tmp)
		return err
	}
	return nil
}
