package builder

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/gofrs/flock"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// A lease is over what a command makes for itself only and takes away again: a
// folder, a name of an image, an image without a name, a container. It is a
// file in the user's cache folder that is locked as long as the process lives.
// Sweep finds the leases of processes that were killed, and takes away what
// they left.
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
func (e *Engine) lease() *lease {
	l := &lease{id: strings.ToLower(rand.Text())}
	dir, err := e.leases()
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

// leases is the folder of the leases on this engine.
func (e *Engine) leases() (string, error) {
	dir, err := cacheDir("leases")
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, shortHash(e.id)), nil
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
func (l *lease) image(id string) error {
	if l.lock == nil {
		return nil
	}
	file, err := os.OpenFile(l.lock.Path(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("noting the image %s: %w", id, err)
	}
	_, err = fmt.Fprintln(file, id)
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

// Sweep takes away what commands of the same user left on this engine and in
// the cache folder because they were killed.
func (e *Engine) Sweep(ctx context.Context) error {
	dir, err := e.leases()
	if err != nil {
		return nil // then there are no leases
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for what killed commands left: %w", err)
	}
	var errs []error
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		lock, err := tryLock(filepath.Join(dir, entry.Name()))
		if err == nil && lock != nil {
			if err = e.sweep(ctx, entry.Name(), lock.Path()); err == nil {
				dropLock(lock)
			} else {
				err = errors.Join(err, lock.Unlock())
			}
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

// removeContainers removes containers, unless chosen says no.
func (e *Engine) removeContainers(ctx context.Context, which client.Filters, chosen func(container.Summary) bool) error {
	containers, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: which})
	if err != nil {
		return fmt.Errorf("listing containers: %w", err)
	}
	for _, c := range containers.Items {
		if chosen != nil && !chosen(c) {
			continue
		}
		_, err := e.api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err != nil && !cerrdefs.IsNotFound(err) {
			return fmt.Errorf("removing the container %s: %w", c.ID, err)
		}
	}
	return nil
}

// sweep takes away what is under the lease id.
func (e *Engine) sweep(ctx context.Context, id, file string) error {
	if e.absent != nil {
		return os.RemoveAll(file + folderSuffix)
	}
	if err := e.removeContainers(ctx, client.Filters{}.Add("label", leaseLabel+"="+id), nil); err != nil {
		return err
	}
	if _, err := e.api.ImageRemove(ctx, leaseName+id, client.ImageRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("removing the name %s%s: %w", leaseName, id, err)
	}
	images, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(bytes.NewReader(images)); lines.Scan(); {
		if err := e.removeNameless(ctx, lines.Text()); err != nil {
			return err
		}
	}
	return os.RemoveAll(file + folderSuffix)
}
