package builder

import (
	"context"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
)

// target is where the images of a plan go: an engine, registries, or an archive.
// Several images may be seen to at once.
type target interface {
	// names refuses names that an image would take from others.
	names(ctx context.Context, r plan.Runtime) error
	// early reports whether bases are found before the payload is seen to.
	early(ctx context.Context, p plan.Plan) (bool, error)
	// base finds what an image is made over; nil for scratch.
	base(ctx context.Context, ref string) (*image.Image, error)
	// payload sees to the payload of the plan.
	payload(ctx context.Context, p plan.Plan) (*image.Image, Result, error)
	// runtime sees to one runtime image over its base.
	runtime(ctx context.Context, d plan.Deps, deps, base *image.Image, r plan.Runtime) (Result, error)
	// end takes away what was only needed on the way.
	end() error
}

// target is where this builder's images go.
func (b *Builder) target(ctx context.Context, p plan.Plan) (target, error) {
	switch {
	case b.Output == nil:
		return local{finder{b, p.Deps.Arch}}, nil
	case len(p.Platforms) > 0:
		return b.several(ctx, p)
	}
	return b.publisher(ctx, p)
}
