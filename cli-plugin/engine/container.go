package engine

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// Container is a container that a command makes for itself.
type Container struct {
	ID    string
	Lease *state.Lease // that the container is under

	engine *Engine
}

// Process is what runs in a container of an image, and what of the image's
// settings goes with it.
type Process struct {
	Image      string              // ID, or a name for people to see
	User       string              // empty: the image's
	Entrypoint []string            // nil: the image's
	Cmd        []string            // nil: the image's, where the entry point is the image's, too
	WorkingDir string              // empty: the image's
	Env        []string            // NAME=VALUE, beside the image's
	Ports      network.PortSet     // that are exposed
	Volumes    map[string]struct{} // paths, beside the image's
	Labels     map[string]string   // beside the image's
}

// Nothing is the process of a container that is never started: it is there for
// its files to be read. An engine makes no container without one.
func Nothing(id string) Process { return Process{Image: id, Entrypoint: []string{"/none"}} }

// config returns a container's configuration. An engine fills every field that
// is empty from the image, whoever made that, so each one is decided here:
// what would run beside the process, as a health check does, is switched off.
// Variables, volumes and labels of the image are added to by engines, never
// left out: those that say what a container is to this program are always said.
func (p Process) config(lease string) *container.Config {
	labels := map[string]string{ServerLabel: ""}
	maps.Copy(labels, p.Labels)
	labels[LeaseLabel] = lease
	return &container.Config{
		Image:        p.Image,
		User:         p.User,
		Entrypoint:   p.Entrypoint,
		Cmd:          p.Cmd,
		WorkingDir:   p.WorkingDir,
		Env:          p.Env,
		Volumes:      p.Volumes,
		ExposedPorts: p.Ports,
		Labels:       labels,
		Healthcheck:  &container.HealthConfig{Test: []string{plan.NoHealthcheck}},
		StopSignal:   image.StopSignal,
	}
}

// containerName is the start of the name of every container that a command
// makes for itself, before the ID of its lease. A container has the labels of
// its image as well, so that the label alone does not tell who made it.
const containerName = "docker-openhands-"

// Create makes a container under a lease of its own, which the container's
// label and name tell. The caller removes it.
//
// It does not end with ctx: an engine goes on with a request that is given up,
// and nobody would be left to remove what it makes.
func (e *Engine) Create(ctx context.Context, p Process, host *container.HostConfig) (Container, error) {
	c := Container{engine: e, Lease: e.Lease()}
	created, err := e.API.ContainerCreate(context.WithoutCancel(ctx), client.ContainerCreateOptions{
		Name: containerName + c.Lease.ID, Config: p.config(c.Lease.ID), HostConfig: host,
	})
	if err != nil {
		return Container{}, errors.Join(fmt.Errorf("making a container of %s: %w", p.Image, err), c.Lease.End())
	}
	c.ID = created.ID
	return c, nil
}

// Rename gives the container, which is still under its lease, a name that people
// can use. The error is that of cerrdefs.IsConflict where another container has
// the name.
func (c Container) Rename(ctx context.Context, name string) error {
	if err := c.Lease.Container(c.ID); err != nil {
		return err
	}
	if _, err := c.engine.API.ContainerRename(ctx, c.ID, client.ContainerRenameOptions{NewName: name}); err != nil {
		return fmt.Errorf("naming the container %s: %w", name, err)
	}
	return nil
}

// Remove takes the container away, running or not, also when ctx is cancelled.
func (c Container) Remove(ctx context.Context) error {
	if err := c.engine.RemoveContainer(context.WithoutCancel(ctx), c.ID); err != nil {
		return err
	}
	return c.Lease.End()
}

// RemoveContainer takes a container away, running or not. It is no error if there
// is none.
func (e *Engine) RemoveContainer(ctx context.Context, id string) error {
	_, err := e.API.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("removing the container %s: %w", id, err)
	}
	return nil
}

// Files lets use read what is at an absolute path of the image, as a tar stream
// whose names begin with the path's last element. No container of the image is
// started for that. The error is that of cerrdefs.ErrNotFound where nothing is
// there.
func (e *Engine) Files(ctx context.Context, id, path string, use func(io.Reader) error) (err error) {
	made, err := e.Create(ctx, Nothing(id), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, made.Remove(ctx)) }()
	copied, err := e.API.CopyFromContainer(ctx, made.ID, client.CopyFromContainerOptions{SourcePath: path})
	if err != nil {
		return fmt.Errorf("reading %s of an image: %w", path, err)
	}
	defer copied.Content.Close()
	if err := use(copied.Content); err != nil {
		return fmt.Errorf("reading %s of an image: %w", path, err)
	}
	return nil
}

// errNoDocument is wrapped where a document of an image cannot be read, because
// of what the image has in its place.
var errNoDocument = errors.New("it is no document that can be read")

// readFile reads one document out of an image. The error wraps errNoDocument
// where there is none, or something else.
func (e *Engine) readFile(ctx context.Context, id, path string) (data []byte, err error) {
	err = e.Files(ctx, id, path, func(content io.Reader) error {
		archive := tar.NewReader(content)
		header, err := archive.Next()
		switch {
		case err != nil:
			return err
		case header.Typeflag != tar.TypeReg || header.Size > image.MaxDocument:
			return fmt.Errorf("%w: mode %s, %d bytes, at most %d are read", errNoDocument, header.FileInfo().Mode(), header.Size, image.MaxDocument)
		}
		data, err = io.ReadAll(archive)
		return err
	})
	if cerrdefs.IsNotFound(err) {
		err = fmt.Errorf("%w: %w", errNoDocument, err)
	}
	return data, err
}

// maxLinks is how many links the kernel follows, see path_resolution(7).
const maxLinks = 40

// Paths lets use ask for paths of an image. A link exists if what it leads to
// does.
func (e *Engine) Paths(ctx context.Context, id string, use func(exists func(path string) (bool, error)) error) (err error) {
	made, err := e.Create(ctx, Nothing(id), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, made.Remove(ctx)) }()
	return use(func(path string) (bool, error) {
		for at, links := path, 0; links <= maxLinks; links++ {
			found, err := e.API.ContainerStatPath(ctx, made.ID, client.ContainerStatPathOptions{Path: at})
			switch {
			case err == nil && found.Stat.Mode&fs.ModeSymlink != 0:
				at = found.Stat.LinkTarget // absolute: an engine follows links
				continue
			case err == nil:
				return true, nil
			case cerrdefs.IsNotFound(err), strings.Contains(err.Error(), "not a directory"):
				return false, nil
			}
			return false, fmt.Errorf("looking for %s: %w", path, err)
		}
		return false, nil
	})
}
