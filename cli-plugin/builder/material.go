package builder

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// obtain finds the image ref, which is not ours to make. Of an image that a
// push finds in the engine and in its registry, the registry's is the better
// one: no layer of it has to be moved within that registry.
func (b *Builder) obtain(ctx context.Context, what, ref string) (*image.Image, error) {
	found, err := b.Engine.Image(ctx, ref)
	if err != nil {
		return nil, err
	}
	var offered *image.Image
	switch {
	case b.Pull == PullNever:
	case found == nil:
		if offered, err = b.fetch(ctx, what, ref); err != nil {
			return nil, err
		}
	case b.Output.Push || b.Pull == PullAlways:
		if offered, err = b.registry().Ask(ctx, ref); err != nil {
			return nil, err
		}
	}
	if offered != nil && (found == nil || b.Pull == PullAlways || offered.Same(found)) {
		return offered, b.checkArch(what, ref, offered)
	}
	if found == nil {
		if found, err = b.pull(ctx, what, ref); err != nil {
			return nil, err
		}
	}
	return found, b.checkArch(what, ref, found)
}

// fetch finds an image that b cannot do without in its registry. It is nil
// where only the engine can be asked for it.
func (b *Builder) fetch(ctx context.Context, what, ref string) (*image.Image, error) {
	parsed, err := b.registry().Parse(ref)
	if err != nil {
		return nil, nil // an image ID, for example
	}
	if _, err := registry.IdleLimit(); err != nil {
		return nil, err
	}
	b.Logf("looking for the %s %s in its registry", what, ref)
	var excess *image.ExcessError
	found, err := b.registry().Describe(ctx, parsed)
	switch {
	case err == nil:
		return found, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case b.Engine.Absent != nil, errors.As(err, &excess):
		return nil, registry.PullProblem(registry.ThisMachine, what, ref, err)
	}
	b.Logf("going on with the engine, which may have a mirror, a proxy or an authority that this machine lacks: %v", err)
	return nil, nil
}

// checkDeps refuses an image that was named as payload and is none.
func (b *Builder) checkDeps(ctx context.Context, m *image.Image) error {
	if m.Repository == nil {
		_, err := b.Engine.Manifest(ctx, m.Ref, m)
		return err
	}
	if kind := m.Labels()[payload.LabelKind]; kind != payload.KindDeps {
		return engine.NotDeps(m.Ref, fmt.Errorf("its label %s is %q, not %q", payload.LabelKind, kind, payload.KindDeps))
	}
	return nil
}
