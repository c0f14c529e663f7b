package builder

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// leased is a container that a command makes for itself.
type leased struct {
	engine *Engine
	id     string
	lease  *lease
}

// create makes a container under a lease of its own, which the container's
// label names. The caller removes it.
//
// It does not end with ctx: an engine goes on with a request that is given up,
// and nobody would be left to remove what it makes.
func (e *Engine) create(ctx context.Context, config *container.Config, host *container.HostConfig) (leased, error) {
	c := leased{engine: e, lease: e.lease()}
	config.Labels = map[string]string{leaseLabel: c.lease.id}
	created, err := e.api.ContainerCreate(context.WithoutCancel(ctx), client.ContainerCreateOptions{Config: config, HostConfig: host})
	if err != nil {
		return leased{}, errors.Join(fmt.Errorf("making a container of %s: %w", config.Image, err), c.lease.end())
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
	return c.lease.end()
}

// copyOut reads one file of a container, running or not.
func (e *Engine) copyOut(ctx context.Context, container, path string) ([]byte, error) {
	file, err := e.api.CopyFromContainer(ctx, container, client.CopyFromContainerOptions{SourcePath: path})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	defer file.Content.Close()
	archive := tar.NewReader(file.Content)
	if _, err := archive.Next(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return io.ReadAll(archive)
}
