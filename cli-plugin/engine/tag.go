package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/moby/moby/client"
)

// Tag gives the image all of the names, or none of those that are new.
func (e *Engine) Tag(ctx context.Context, id string, refs []string) error {
	for i, ref := range refs {
		if _, err := e.API.ImageTag(ctx, client.ImageTagOptions{Source: id, Target: ref}); err != nil {
			err = fmt.Errorf("tagging %s as %s: %w", id, ref, err)
			return errors.Join(err, e.Untag(ctx, refs[:i]...))
		}
	}
	return nil
}

// Untag takes names away, also when ctx is cancelled. An image that has no
// other name goes with its last one.
func (e *Engine) Untag(ctx context.Context, refs ...string) error {
	var errs []error
	for _, ref := range slices.Backward(refs) {
		if _, err := e.API.ImageRemove(context.WithoutCancel(ctx), ref, client.ImageRemoveOptions{}); err != nil {
			errs = append(errs, fmt.Errorf("removing the tag %s: %w", ref, err))
		}
	}
	return errors.Join(errs...)
}

// WithName gives the image id a name while use runs: a Dockerfile cannot start
// from an image ID.
func (e *Engine) WithName(ctx context.Context, id string, use func(name string) (string, error)) (_ string, err error) {
	lease := e.Lease()
	defer func() { err = errors.Join(err, lease.End()) }()
	name := LeaseName + lease.ID
	if _, err := e.API.ImageTag(ctx, client.ImageTagOptions{Source: id, Target: name}); err != nil {
		return "", fmt.Errorf("naming image %s: %w", id, err)
	}
	defer func() { err = errors.Join(err, e.Untag(ctx, name)) }()
	return use(name)
}
