package builder

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/gofrs/flock"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// A lease is over what a command makes for itself only and takes away again: a
// folder, a file that is not whole, a name of an image, an image without a
// name, a container. It is a file in the user's cache folder that is locked as
// long as the process lives; its lines are IDs of images and, quoted, paths of
// files. Sweep finds the leases of processes that were killed, and takes away
// what they left.
type lease struct {
	id     string
	folder string       // removed with the lease; made by workFolder
	lock   *flock.Flock // nil where the user has no cache folder
}

const (
	leaseLabel = "dev.openhands.lease"     // of containers, the lease's id
	leaseName  = "docker-openhands-build:" // of images, before the lease's id
)

// lease returns a new lease.
func (e *Engine) lease() *lease { return newLease(e.id) }

func newLease(engine string) *lease {
	l := &lease{id: strings.ToLower(rand.Text())}
	dir, err := cacheDir(leaseFolder(engine))
	if err != nil {
		return l
	}
	name := filepath.Join(dir, l.id)
	if l.lock, err = tryLock(name); err == nil && l.lock != nil {
		l.folder = name + folderSuffix
	}
	return l
}

const folderSuffix = ".d"

// leasesFolder has a folder for each engine in the user's cache folder.
const leasesFolder = "leases"

// leaseFolder is the folder of the leases on an engine, or, without its ID, of
// those on this machine only.
func leaseFolder(engine string) string { return filepath.Join(leasesFolder, shortHash(engine)) }

// WorkFolder makes a folder for files that a command needs only until it calls
// remove. If it is killed before, Sweep removes the folder.
func WorkFolder() (dir string, remove func() error, err error) {
	l := newLease("")
	if dir, err = l.workFolder(); err != nil {
		return "", nil, errors.Join(fmt.Errorf("making a folder for temporary files: %w", err), l.end())
	}
	return dir, l.end, nil
}

// workFolder makes a folder.
func (l *lease) workFolder() (_ string, err error) {
	if l.folder == "" {
		l.folder, err = os.MkdirTemp("", "docker-openhands-")
		return l.folder, err
	}
	return l.folder, os.Mkdir(l.folder, 0o700)
}

// image puts an image under the lease that has no name yet.
func (l *lease) image(id string) error { return l.note(id) }

// part is a file in the folder of name, for that to be made of. Its owner
// removes or renames it.
func (l *lease) part(name string) (string, error) {
	full, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	part := filepath.Join(filepath.Dir(full), "."+filepath.Base(full)+"."+l.id[:10])
	return part, l.note(strconv.Quote(part))
}

func (l *lease) note(line string) error {
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

// end removes the folder. What else is under the lease, its owner has removed
// or given to the user.
func (l *lease) end() error {
	var err error
	if l.folder != "" {
		err = os.RemoveAll(l.folder)
	}
	if l.lock != nil {
		dropLock(l.lock)
	}
	return err
}

// Sweep takes away what commands of the same user left on this engine and on
// this machine because they were killed.
func (e *Engine) Sweep(ctx context.Context) error {
	dir, err := cacheDir(leasesFolder)
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
			err = e.sweep(ctx, lock)
		}
		errs = append(errs, err)
	}
	if e.absent == nil {
		errs = append(errs, e.sweepStrays(ctx, time.Now().Add(-strayAge)))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("taking away what killed commands left: %w", err)
	}
	return nil
}

// strayAge is longer than any command leaves a container unstarted.
const strayAge = 5 * time.Minute

// sweepStrays removes containers that were never started: an engine may carry
// a request out after the lease of who sent it was swept.
func (e *Engine) sweepStrays(ctx context.Context, before time.Time) error {
	return e.removeContainers(ctx, client.Filters{}.Add("label", leaseLabel).Add("status", "created"), func(c container.Summary) bool { return c.Created < before.Unix() })
}

// leaseID is what newLease gives.
var leaseID = regexp.MustCompile(`^[a-z2-7]{26}$`)

// underLease reports whether create made the container.
func underLease(c container.Summary) bool {
	id := c.Labels[leaseLabel]
	return leaseID.MatchString(id) && slices.Contains(c.Names, "/"+containerName+id)
}

// removeContainers removes containers under leases, unless chosen says no.
func (e *Engine) removeContainers(ctx context.Context, which client.Filters, chosen func(container.Summary) bool) error {
	containers, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: which})
	if err != nil {
		return fmt.Errorf("listing containers: %w", err)
	}
	for _, c := range containers.Items {
		if !underLease(c) || chosen != nil && !chosen(c) {
			continue
		}
		_, err := e.api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err != nil && !cerrdefs.IsNotFound(err) {
			return fmt.Errorf("removing the container %s: %w", c.ID, err)
		}
	}
	return nil
}

// sweep takes away what is under the lease that is locked. What other engines
// have of it stays, and then the lease.
func (e *Engine) sweep(ctx context.Context, lock *flock.Flock) error {
	images, err := sweepFiles(lock.Path())
	folder := filepath.Join(leasesFolder, filepath.Base(filepath.Dir(lock.Path())))
	own := folder == leaseFolder(e.id)
	if err == nil && own && e.absent == nil {
		err = e.sweepImages(ctx, filepath.Base(lock.Path()), images)
	}
	if err != nil || !own && folder != leaseFolder("") {
		return errors.Join(err, lock.Unlock())
	}
	dropLock(lock)
	return nil
}

// sweepFiles removes the files that are under a lease, and returns the images.
func sweepFiles(lease string) (images []string, err error) {
	notes, err := os.ReadFile(lease)
	if err != nil {
		return nil, err
	}
	errs := []error{os.RemoveAll(lease + folderSuffix)}
	for line := range strings.Lines(string(notes)) {
		line = strings.TrimSuffix(line, "\n")
		file, err := strconv.Unquote(line)
		if err != nil {
			images = append(images, line)
		} else if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return images, errors.Join(errs...)
}

// sweepImages takes away what the engine has under the lease id.
func (e *Engine) sweepImages(ctx context.Context, id string, images []string) error {
	if err := e.removeContainers(ctx, client.Filters{}.Add("label", leaseLabel+"="+id), nil); err != nil {
		return err
	}
	if _, err := e.api.ImageRemove(ctx, leaseName+id, client.ImageRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("removing the name %s%s: %w", leaseName, id, err)
	}
	for _, image := range images {
		if err := e.removeNameless(ctx, image); err != nil {
			return err
		}
	}
	return nil
}
