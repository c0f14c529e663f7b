package state

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// A Lease is over what a command makes for itself only and takes away again: a
// folder, a file that is not whole, a name of an image, an image without a
// name, a container. It is a file in the user's cache folder that is locked as
// long as the process lives; its lines are IDs of images, IDs of containers after
// containerNote and, quoted, paths of files. Sweep finds the leases of processes that were killed, and takes away
// what they left.
type Lease struct {
	ID     string       // 26 characters of base32, in lower case
	folder string       // removed with the lease; made by Folder
	lock   *flock.Flock // nil where the user has no cache folder
}

const folderSuffix = ".d"

// leasesFolder has a folder for each engine in the user's cache folder.
const leasesFolder = "leases"

// leaseFolder is the folder of the leases on an engine, or, without its ID, of
// those on this machine only.
func leaseFolder(engine string) string { return filepath.Join(leasesFolder, Hash(engine)) }

// NewLease returns a lease on an engine, which is known by the ID that it gave
// itself, or, without an ID, on this machine only.
func NewLease(engine string) *Lease {
	l := &Lease{ID: strings.ToLower(rand.Text())}
	dir, err := Folder(leaseFolder(engine))
	if err != nil {
		return l
	}
	name := filepath.Join(dir, l.ID)
	if l.lock, err = tryLock(name); err == nil && l.lock != nil {
		l.folder = name + folderSuffix
	}
	return l
}

// WorkFolder makes a folder for files that a command needs only until it calls
// remove. If it is killed before, Sweep removes the folder.
func WorkFolder() (dir string, remove func() error, err error) {
	l := NewLease("")
	if dir, err = l.Folder(); err != nil {
		return "", nil, errors.Join(fmt.Errorf("making a folder for temporary files: %w", err), l.End())
	}
	return dir, l.End, nil
}

// Folder makes a folder.
func (l *Lease) Folder() (_ string, err error) {
	if l.folder == "" {
		l.folder, err = os.MkdirTemp("", "docker-openhands-")
		return l.folder, err
	}
	return l.folder, os.Mkdir(l.folder, 0o700)
}

// Image puts an image under the lease that has no name yet.
func (l *Lease) Image(id string) error { return l.note(id) }

// containerNote is before the ID of a container.
const containerNote = "container "

// Container puts a container under the lease whose name does not tell that.
func (l *Lease) Container(id string) error { return l.note(containerNote + id) }

// Part is a file in the folder of name, for that to be made of. Its owner
// removes or renames it.
func (l *Lease) Part(name string) (string, error) {
	full, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	part := filepath.Join(filepath.Dir(full), "."+filepath.Base(full)+"."+l.ID[:10])
	return part, l.note(strconv.Quote(part))
}

func (l *Lease) note(line string) error {
	if l.lock == nil {
		return nil
	}
	file, err := os.OpenFile(l.lock.Path(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("noting %s: %w", line, err)
	}
	_, err = fmt.Fprintln(file, line)
	return errors.Join(err, file.Close())
}

// End removes the folder. What else is under the lease, its owner has removed
// or given to the user.
func (l *Lease) End() error {
	var err error
	if l.folder != "" {
		err = os.RemoveAll(l.folder)
	}
	if l.lock != nil {
		dropLock(l.lock)
	}
	return err
}

// Left is what an engine has under the lease of a command that was killed.
type Left struct {
	Lease      string   // its ID
	Images     []string // IDs of those that had no name
	Containers []string // IDs of those whose name does not tell the lease
}

// Sweep takes away what commands of the same user left because they were
// killed: the files themselves, and by take what the engine has under a lease.
// Leases on other engines stay. Take is nil where there is no engine.
func Sweep(engine string, take func(Left) error) error {
	dir, err := Folder(leasesFolder)
	if err != nil {
		return nil // then there are no leases
	}
	names, err := fs.Glob(os.DirFS(dir), "*/*")
	errs := []error{err}
	for _, name := range names {
		if strings.HasSuffix(name, folderSuffix) {
			continue
		}
		lock, err := tryLock(filepath.Join(dir, name))
		if err == nil && lock != nil {
			err = sweep(lock, engine, take)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// sweep takes away what is under the lease that is locked, and then the lease.
func sweep(lock *flock.Flock, engine string, take func(Left) error) error {
	left, err := sweepFiles(lock.Path())
	folder := filepath.Join(leasesFolder, filepath.Base(filepath.Dir(lock.Path())))
	own := folder == leaseFolder(engine)
	if err == nil && own && take != nil {
		err = take(left)
	}
	if err != nil || !own && folder != leaseFolder("") {
		return errors.Join(err, lock.Unlock())
	}
	dropLock(lock)
	return nil
}

// sweepFiles removes the files that are under a lease, and returns the rest.
func sweepFiles(lease string) (Left, error) {
	left := Left{Lease: filepath.Base(lease)}
	notes, err := os.ReadFile(lease)
	if err != nil {
		return left, err
	}
	errs := []error{os.RemoveAll(lease + folderSuffix)}
	for line := range strings.Lines(string(notes)) {
		line = strings.TrimSuffix(line, "\n")
		file, err := strconv.Unquote(line)
		if id, ok := strings.CutPrefix(line, containerNote); ok {
			left.Containers = append(left.Containers, id)
		} else if err != nil {
			left.Images = append(left.Images, line)
		} else if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return left, errors.Join(errs...)
}
