package tree

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// Walk is filepath.WalkDir for root/below, where no link may lead: that would
// be out of root, or to nothing that is walked.
func Walk(root, below string, visit fs.WalkDirFunc) error {
	if err := CheckDirs(root, below); err != nil {
		return err
	}
	return filepath.WalkDir(filepath.Join(root, below), visit)
}

// CheckDirs returns an error unless a directory of the tree and those above it
// are there and no links.
func CheckDirs(out, dir string) error {
	if dir == "/" || dir == "." {
		return nil
	}
	if err := CheckDirs(out, path.Dir(dir)); err != nil {
		return err
	}
	return isDirectory(filepath.Join(out, dir))
}

// isDirectory returns an error unless a directory, not a link to one, is at a
// host path.
func isDirectory(host string) error {
	info, err := os.Lstat(host)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return nil
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s is a link in the place of a directory", host)
	}
	return fmt.Errorf("%s is a file in the place of a directory", host)
}

// Inside returns the path that a host path has inside a root.
func Inside(root, host string) string {
	rel, err := filepath.Rel(root, host)
	if err != nil || rel == "." {
		return "/"
	}
	return "/" + filepath.ToSlash(rel)
}

// Inode identifies a file that has several hard links.
func Inode(info fs.FileInfo) (key [2]uint64, linked bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Nlink < 2 {
		return key, false
	}
	return [2]uint64{uint64(st.Dev), st.Ino}, true
}

// Within reports whether a clean path is dir or lies below it.
func Within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }
