package builder

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// leased is a container that a command makes for itself.
type leased struct {
	engine *Engine
	id     string
	lease  *state.Lease
}

// process is what runs in a container of an image, and what of the image's
// settings goes with it.
type process struct {
	image      string
	user       string   // empty: the image's
	entrypoint []string // nil: the image's
	cmd        []string // nil: the image's, where the entry point is the image's, too
	workingDir string   // empty: the image's
	ports      network.PortSet
}

// nothing is the process of a container that is never started: it is there for
// its files to be read. An engine makes no container without one.
func nothing(id string) process { return process{image: id, entrypoint: []string{"/none"}} }

// config returns a container's configuration. An engine fills every field that
// is empty from the image, whoever made that, so each one is settled here:
// what would run beside the process, as a health check does, is switched off.
// Variables, volumes and labels of the image are added to by engines, never
// left out.
func (p process) config(labels map[string]string) *container.Config {
	return &container.Config{
		Image:        p.image,
		User:         p.user,
		Entrypoint:   p.entrypoint,
		Cmd:          p.cmd,
		WorkingDir:   p.workingDir,
		ExposedPorts: p.ports,
		Labels:       labels,
		Healthcheck:  &container.HealthConfig{Test: []string{image.NoHealthcheck}},
		StopSignal:   image.StopSignal,
	}
}

// containerName is the start of the name of every container that a command
// makes for itself, before the ID of its lease. A container has the labels of
// its image as well, so that the label alone does not tell who made it.
const containerName = "docker-openhands-"

// create makes a container under a lease of its own, which the container's
// label and name tell. The caller removes it.
//
// It does not end with ctx: an engine goes on with a request that is given up,
// and nobody would be left to remove what it makes.
func (e *Engine) create(ctx context.Context, p process, host *container.HostConfig) (leased, error) {
	c := leased{engine: e, lease: e.lease()}
	created, err := e.api.ContainerCreate(context.WithoutCancel(ctx), client.ContainerCreateOptions{
		Name: containerName + c.lease.ID, Config: p.config(map[string]string{leaseLabel: c.lease.ID}), HostConfig: host,
	})
	if err != nil {
		return leased{}, errors.Join(fmt.Errorf("making a container of %s: %w", p.image, err), c.lease.End())
	}
	c.id = created.ID
	return c, nil
}

// remove takes the container away, running or not, also when ctx is cancelled.
func (c leased) remove(ctx context.Context) error {
	_, err := c.engine.api.ContainerRemove(context.WithoutCancel(ctx), c.id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("removing the container %s: %w", c.id, err)
	}
	return c.lease.End()
}

// files lets use read what is at an absolute path of the image, as a tar stream
// whose names begin with the path's last element. No container of the image is
// started for that. The error is that of cerrdefs.ErrNotFound where nothing is
// there.
func (e *Engine) files(ctx context.Context, id, path string, use func(io.Reader) error) (err error) {
	made, err := e.create(ctx, nothing(id), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, made.remove(ctx)) }()
	copied, err := e.api.CopyFromContainer(ctx, made.id, client.CopyFromContainerOptions{SourcePath: path})
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
	err = e.files(ctx, id, path, func(content io.Reader) error {
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
