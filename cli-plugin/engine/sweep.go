package engine

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// What a command makes for itself in an engine tells its lease.
const (
	LeaseLabel = "dev.openhands.lease"     // of containers, the lease's ID
	LeaseName  = "docker-openhands-build:" // of images, before the lease's ID
)

// Lease returns a new lease on the engine.
func (e *Engine) Lease() *state.Lease { return state.NewLease(e.ID) }

// Sweep takes away what commands of the same user left on this engine and on
// this machine because they were killed.
func (e *Engine) Sweep(ctx context.Context) error {
	var take func(state.Left) error
	if e.Absent == nil {
		take = func(left state.Left) error { return e.sweepLeft(ctx, left) }
	}
	errs := []error{state.Sweep(e.ID, take)}
	if e.Absent == nil {
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
	return e.removeContainers(ctx, client.Filters{}.Add("label", LeaseLabel).Add("status", "created"), func(c container.Summary) bool { return underLease(c) && c.Created < before.Unix() })
}

// leaseID is the form of a lease's ID.
var leaseID = regexp.MustCompile(`^[a-z2-7]{26}$`)

// underLease reports whether create made the container.
func underLease(c container.Summary) bool {
	id := c.Labels[LeaseLabel]
	return leaseID.MatchString(id) && slices.Contains(c.Names, "/"+containerName+id)
}

// removeContainers removes those containers with a lease's label that are chosen.
func (e *Engine) removeContainers(ctx context.Context, which client.Filters, chosen func(container.Summary) bool) error {
	containers, err := e.API.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: which})
	if err != nil {
		return fmt.Errorf("listing containers: %w", err)
	}
	for _, c := range containers.Items {
		if !chosen(c) {
			continue
		}
		if err := e.RemoveContainer(ctx, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// sweepLeft takes away what the engine has under a lease.
func (e *Engine) sweepLeft(ctx context.Context, left state.Left) error {
	ours := func(c container.Summary) bool { return underLease(c) || slices.Contains(left.Containers, c.ID) }
	if err := e.removeContainers(ctx, client.Filters{}.Add("label", LeaseLabel+"="+left.Lease), ours); err != nil {
		return err
	}
	if _, err := e.API.ImageRemove(ctx, LeaseName+left.Lease, client.ImageRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("removing the name %s%s: %w", LeaseName, left.Lease, err)
	}
	for _, image := range left.Images {
		if err := e.RemoveNameless(ctx, image); err != nil {
			return err
		}
	}
	return nil
}
