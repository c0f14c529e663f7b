package builder

import (
	"context"
	"errors"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/fingerprint"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// local is the engine as the target.
type local struct{ finder }

func (local) end() error { return nil }

// payload implements target.
func (l local) payload(ctx context.Context, p plan.Plan) (*image.Image, Result, error) {
	return l.deps(ctx, p.Deps, l.payloadAnew(p))
}

// early implements target: of several bases, those that are to be pulled can wait
// for their turn where the payload is there.
func (l local) early(ctx context.Context, p plan.Plan) (bool, error) {
	if len(p.Runtimes) < 2 || p.Deps.Given {
		return len(p.Runtimes) == 1, nil
	}
	found, err := l.Engine.Image(ctx, p.Deps.Image)
	return found == nil || len(depsDiffer(p.Deps)(found.Labels(), found.Platform())) > 0, err
}

// base returns the base image from the engine or a registry; nil for scratch.
func (l local) base(ctx context.Context, ref string) (*image.Image, error) {
	if ref == plan.Scratch {
		return nil, nil
	}
	found, err := l.get(ctx, "base image", ref)
	if err != nil {
		return nil, err
	}
	return found, l.checkBase(ref, found)
}

// payloadAnew reports whether the payload of a plan is made although it is
// there: it is the plan's only image then. Over a payload, what is forced is the
// image over it.
func (b *Builder) payloadAnew(p plan.Plan) bool { return b.ForceRebuild && len(p.Runtimes) == 0 }

// deps sees to the deps image. With anew, one that is there is not reused.
func (l local) deps(ctx context.Context, d plan.Deps, anew bool) (*image.Image, Result, error) {
	start := time.Now()
	result := Result{References: []string{d.Image}}
	var found *image.Image
	var err error
	if d.Given {
		if found, err = l.get(ctx, "deps image", d.Image); err == nil {
			_, err = l.Engine.Manifest(ctx, d.Image, found)
		}
	} else {
		unlock, lockErr := l.lock(ctx, d.Image)
		if lockErr != nil {
			return nil, result, lockErr
		}
		defer unlock()
		if !anew {
			found, err = l.depsThere(ctx, d)
		}
	}
	if err != nil {
		return nil, result, err
	}
	result.Reused = found != nil
	if found == nil {
		if found, err = l.stage1(ctx, d); err != nil {
			return nil, result, err
		}
	}
	if err := l.checkArch("deps image", d.Image, found); err != nil {
		return nil, result, err
	}
	result.ID, result.Seconds = found.ID, time.Since(start).Seconds()
	return found, result, nil
}

// depsThere returns the payload of the engine or of its registry, nil where it
// is to be made.
func (l local) depsThere(ctx context.Context, d plan.Deps) (*image.Image, error) {
	found, err := l.reuse(ctx, "deps image", d.Image, depsDiffer(d))
	if found != nil || err != nil || !l.Engine.Containerd {
		return found, err
	}
	// Other engines may not be able to pull it.
	if found, err = l.reuse(ctx, "deps image", image.Zstd.PayloadTag(d.Image), depsDiffer(d)); found != nil {
		err = l.Engine.Tag(ctx, found.ID, []string{d.Image})
	}
	return found, err
}

// runtime sees to one runtime image; base is nil for scratch.
func (l local) runtime(ctx context.Context, _ plan.Deps, deps, base *image.Image, r plan.Runtime) (Result, error) {
	start := time.Now()
	result := Result{Base: r.Base, References: r.References()}
	deps, err := l.fitting(ctx, deps, base, r)
	if err != nil {
		return result, err
	}
	unlock, err := l.lock(ctx, r.Image)
	if err != nil {
		return result, err
	}
	defer unlock()
	var existing *image.Image
	if !l.ForceRebuild {
		existing, err = l.reuse(ctx, "image", r.Image, inputs{r, deps, base}.differs)
	}
	if err != nil {
		return result, err
	}
	if existing != nil {
		result.ID, result.Reused = existing.ID, true
		return result, l.Engine.Tag(ctx, existing.ID, r.Tags)
	}
	if result.ID, err = l.make(ctx, r, deps, base, origin(deps, base)); err != nil {
		return result, err
	}
	result.Seconds = time.Since(start).Seconds()
	l.Logf("%s made in %.1f s", r.Image, result.Seconds)
	return result, nil
}

// make makes the image and, when it is whole, gives it its names.
func (l local) make(ctx context.Context, r plan.Runtime, deps, base *image.Image, origin map[string]string) (_ string, err error) {
	l.tellWithout(r, base)
	if r.ExtraDeps != "" {
		if origin[payload.LabelExtraDeps], err = fingerprint.New(r.ExtraDeps); err != nil {
			return "", err
		}
	}
	if r.Assemble == plan.AssembleNever {
		return l.fromDockerfile(ctx, r, deps, base, origin)
	}
	lease := l.Engine.Lease()
	defer func() { err = errors.Join(err, lease.End()) }()
	step := l.View().Step("making " + r.Image)
	id, err := assembly{
		Recipe: image.Recipe{Runtime: r, Labels: origin, Arch: l.arch, Created: image.Created(base, deps), Logf: l.Logf},
		engine: l.Engine, deps: deps, base: base, announce: lease.Image, sent: step.Part("handed to the engine", 0),
	}.run(ctx)
	step.End(err)
	var refused *engine.RefusedError
	if errors.As(err, &refused) && ctx.Err() == nil && !full(err) {
		l.Logf("the engine refused the assembled image (%v): building its Dockerfile form", err)
		return l.fromDockerfile(ctx, r, deps, base, origin)
	}
	if err != nil {
		return "", err
	}
	made := id
	if r.ExtraDeps == "" {
		err = l.Engine.Tag(ctx, id, r.References())
	} else {
		made, err = l.extraDeps(ctx, r, id)
	}
	if err != nil {
		return "", errors.Join(err, l.Engine.RemoveNameless(ctx, id))
	}
	return made, nil
}

// full reports whether an error is about a full disk, which another way of
// building does not help.
func full(err error) bool {
	return problemOf(context.Background(), err).Code == problem.DiskFull
}
