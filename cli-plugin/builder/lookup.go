package builder

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// An image is looked for in the engine and in its registry. Two questions
// decide how: whether the image is ours to make, and whether the engine has to
// have it in the end or a description of what the registry has is enough.
//
//	        ours to make, if it is not found     not ours: the base, a deps image that is named
//	engine  reuse: engine, then registry         get: engine, then registry
//	push    Ask, then take where the engine      obtain: engine and registry,
//	        has to have it                       the registry's preferred
//
// What they are made of:
//
//   - registry.Client.Ask asks for an image that can be done without: a registry
//     that does not answer has none. Nothing is pulled.
//   - fetch asks for an image that is needed. A registry that does not answer is an
//     error where there is no engine, which may have other ways to it.
//   - take pulls what Ask has found, where it is made from what is wanted.
//   - pull has the engine pull an image, and fails where --pull or --offline forbid it.
//
// The pull policy says which of them ask a registry: with "never" none does, with
// "always" also where the engine has the image. The registry that a runtime image
// is pushed to is asked for it whatever the policy is. Nobody has named the default
// repository, which is somebody else's: with "missing" it is not asked for images
// that can be made, see mayAsk.

// PullPolicy says when registries are asked for images.
type PullPolicy string

// The policies.
const (
	PullMissing PullPolicy = "missing" // for what the engine lacks
	PullAlways  PullPolicy = "always"  // also for newer images of a name
	PullNever   PullPolicy = "never"
)

// mayAsk reports whether the repository of ref may be asked for an image of ours
// that the engine lacks.
func (b *Builder) mayAsk(ref string) bool {
	switch b.Pull {
	case PullAlways:
		return true
	case PullNever:
		return false
	}
	named, err := reference.ParseNormalizedNamed(ref)
	return err == nil && named.Name() != plan.DefaultRepository
}

// reuse returns the image ref of the engine, or else the one of its registry,
// where differs finds nothing against it, and nil where it is to be made.
func (f finder) reuse(ctx context.Context, what, ref string, differs func(labels map[string]string, platform string) []string) (*image.Image, error) {
	found, err := f.Engine.Image(ctx, ref)
	if err != nil {
		return nil, err
	}
	var changed []string
	if found != nil {
		changed = differs(found.Labels(), found.Platform())
	}
	fits := found != nil && len(changed) == 0
	if f.Pull == PullAlways || !fits && f.mayAsk(ref) {
		offered, err := f.ask(ctx, ref)
		if err != nil {
			return nil, err
		}
		if offered != nil && !(fits && offered.Same(found)) {
			pulled, err := f.take(ctx, what, ref, offered, differs)
			if pulled != nil || err != nil {
				return pulled, err
			}
		}
	}
	switch {
	case fits:
		f.Logf("%s %s is there already", what, ref)
		return found, nil
	case found != nil:
		f.Logf("%s %s is made again: another %s", what, ref, strings.Join(changed, " and another "))
	}
	return nil, nil
}

// take pulls what a registry offers if it is what is wanted. It returns nil
// where it is not, and where it cannot be pulled.
func (f finder) take(ctx context.Context, what, ref string, offered *image.Image, differs func(map[string]string, string) []string) (*image.Image, error) {
	if changed := differs(offered.Labels(), offered.Platform()); len(changed) > 0 {
		f.Logf("%s %s of the registry has another %s", what, ref, strings.Join(changed, " and another "))
		return nil, nil
	}
	pulled, err := f.pull(ctx, what, ref)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		f.Logf("going on without %s: %v", ref, problem.Cause(err))
		return nil, nil
	}
	if len(differs(pulled.Labels(), pulled.Platform())) > 0 { // it changed since
		return nil, nil
	}
	return pulled, nil
}

// get returns the image ref, which is not ours to make, from the engine or its
// registry.
func (f finder) get(ctx context.Context, what, ref string) (*image.Image, error) {
	found, err := f.Engine.Image(ctx, ref)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return f.pull(ctx, what, ref)
	}
	if f.Pull != PullAlways {
		return found, nil
	}
	offered, err := f.ask(ctx, ref)
	if err != nil || offered == nil || offered.Same(found) {
		return found, err
	}
	pulled, err := f.pull(ctx, what, ref)
	if err != nil && ctx.Err() == nil {
		f.Logf("going on with the %s %s that is here: %v", what, ref, problem.Cause(err))
		return found, nil
	}
	return pulled, err
}

// obtain finds the image ref, which is not ours to make. Where the engine has it,
// its registry is left alone, unless images are pushed to it, which is near: no
// layer has to be moved within a registry.
func (f finder) obtain(ctx context.Context, what, ref string, near bool) (*image.Image, error) {
	found, err := f.Engine.Image(ctx, ref)
	if err != nil {
		return nil, err
	}
	found = f.own(found)
	var offered *image.Image
	switch {
	case f.Pull == PullNever:
	case found == nil:
		if offered, err = f.fetch(ctx, what, ref); err != nil {
			return nil, err
		}
	case near || f.Pull == PullAlways:
		if offered, err = f.ask(ctx, ref); err != nil {
			return nil, err
		}
	}
	if offered != nil && (found == nil || f.Pull == PullAlways || offered.Same(found)) {
		return offered, f.checkArch(what, ref, offered)
	}
	if found == nil {
		if f.foreign() && f.Pull != PullNever { // the engine's own image may have the name there
			return nil, problem.New(problem.Platform, fmt.Sprintf("the %s %s cannot be had for linux/%s: no registry has it, and the engine runs linux/%s", what, ref, f.arch, f.Engine.Arch), nil,
				"Push it to a registry, and name it as it is called there")
		}
		if found, err = f.pull(ctx, what, ref); err != nil {
			return nil, err
		}
	}
	return found, f.checkArch(what, ref, found)
}

// fetch finds an image that f cannot do without in its registry. It is nil
// where only the engine can be asked for it.
func (f finder) fetch(ctx context.Context, what, ref string) (*image.Image, error) {
	parsed, err := f.registry().Parse(ref)
	if err != nil {
		return nil, nil // an image ID, for example
	}
	if _, err := registry.IdleLimit(); err != nil {
		return nil, err
	}
	f.Logf("looking for the %s %s in its registry", what, ref)
	var excess *image.ExcessError
	var missing *registry.NoPlatformError
	found, err := f.registry().Describe(ctx, parsed, f.arch)
	switch {
	case err == nil:
		return found, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &missing):
		return nil, f.notFor(what, ref, missing)
	case f.Engine.Absent != nil, f.foreign(), errors.As(err, &excess):
		return nil, f.suggest(ctx, ref, registry.PullProblem(registry.ThisMachine, what, ref, err))
	}
	f.Logf("going on with the engine, which may have a mirror, a proxy or an authority that this machine lacks: %v", err)
	return nil, nil
}

// pull gets an image from its registry through the engine.
func (f finder) pull(ctx context.Context, what, ref string) (*image.Image, error) {
	if f.Pull == PullNever {
		whose := ""
		if f.foreign() {
			whose = " for linux/" + f.arch
		}
		return nil, problem.New(problem.NotFound, fmt.Sprintf("the %s %s is not in the engine%s, and nothing is to be pulled", what, ref, whose), nil,
			f.Engine.Meant(ctx, ref)+"Leave --offline and --pull never out, or bring the image in with 'docker load' or 'docker import'")
	}
	step := f.View().Step("pulling " + ref)
	pulled, err := f.Engine.Pull(ctx, what, ref, engine.PullOptions{Arch: f.arch, Config: f.CLI.ConfigFile(), Logf: f.Logf, Layer: step.Layer})
	step.End(err)
	return pulled, f.suggest(ctx, ref, err)
}

// suggest adds to the error of an image that cannot be had those of the engine
// that may have been meant.
func (b *Builder) suggest(ctx context.Context, ref string, err error) error {
	var p *problem.Error
	if errors.As(err, &p) && (p.Code == problem.NotFound || p.Code == problem.RegistryDenied || p.Code == problem.RegistryFailed) {
		p.Next = b.Engine.Meant(ctx, ref) + p.Next
	}
	return err
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
