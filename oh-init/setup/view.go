package setup

import (
	"cmp"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/account"
	"github.com/docker-openhands/docker-openhands/internal/home"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// View is a root file system to read. Its methods are called with absolute,
// clean paths none of whose parents is a symbolic link: Plan follows links by
// itself, one element at a time, and they never lead out of the root.
//
// A path that does not exist gives an error that is fs.ErrNotExist. "/" exists.
//
// Plan reads the files that Reads names, what a link in the place of one leads
// to, and the files below the directory that /etc/skel is.
type View interface {
	// Lstat describes path without following it if it is a link.
	Lstat(path string) (Entry, error)
	// ReadFile returns the content of a regular file. It is not changed.
	ReadFile(path string) ([]byte, error)
	// Program returns what the kernel takes an executable regular file for.
	Program(path string) (Program, error)
	// ReadDir returns the names in a directory, in any order.
	ReadDir(path string) ([]string, error)
}

// MaxFile is the size in bytes of the largest file that Plan reads to
// understand it. What it copies of a skeleton can be larger.
const MaxFile = 1 << 20

// maxDotFile is the size in bytes of the largest file of a skeleton that Reads
// tells of. Those of distributions are smaller.
const maxDotFile = 64 << 10

// Reads reports whether Plan can ask for the content of the regular file at the
// absolute path name, of size bytes, in a root file system without links. Plan
// asks for large files of a skeleton as well, but not for all of them.
func Reads(name string, size int64) bool {
	if size > MaxFile {
		return false
	}
	switch name {
	case account.PasswdFile, account.GroupFile, account.ShadowFile, account.GshadowFile, profileFile, loginPathFile, sudoersFile:
		return true
	}
	dir, base := path.Split(name)
	switch {
	case dir == sudoersDir+"/":
		return true
	case below(name, skeleton):
		return size <= maxDotFile
	case slices.Contains(home.LoginFiles(), base):
		return strings.Count(dir, "/") <= 3 // /root/, /home/user/
	case base == path.Base(payload.SudoStub):
		return size <= maxStub
	}
	return false
}

// local turns an absolute path into one relative to the root.
func local(name string) string { return cmp.Or(name[1:], ".") }

// Entry is the metadata of one path.
type Entry struct {
	Mode   fs.FileMode // type, permissions, setuid, setgid, sticky
	UID    int
	GID    int
	Size   int64  // of a regular file, in bytes
	Target string // of a symbolic link
}
