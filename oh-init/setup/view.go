package setup

import "io/fs"

// View is a root file system to read. Its methods are called with absolute,
// clean paths none of whose parents is a symbolic link: Plan follows links by
// itself, one element at a time, and they never lead out of the root.
//
// A path that does not exist gives an error that is fs.ErrNotExist.
//
// Plan reads files below /etc, dot files of home folders, a sudo no larger than
// a few hundred bytes, and what a link at those paths leads to; nothing larger
// than MaxFile. It lists /etc/skel and what is below.
type View interface {
	// Lstat describes path without following it if it is a link.
	Lstat(path string) (Entry, error)
	// ReadFile returns the content of a regular file.
	ReadFile(path string) ([]byte, error)
	// ReadDir returns the names in a directory, in any order.
	ReadDir(path string) ([]string, error)
}

// MaxFile is the size in bytes of the largest file that Plan reads.
const MaxFile = 1 << 20

// Entry is the metadata of one path.
type Entry struct {
	Mode   fs.FileMode // type, permissions, setuid, setgid, sticky
	UID    int
	GID    int
	Size   int64  // of a regular file, in bytes
	Target string // of a symbolic link
}
