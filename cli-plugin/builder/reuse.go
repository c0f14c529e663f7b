package builder

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/fingerprint"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/moby/buildkit/util/progress/progressui"
)

// PullPolicy says when registries are asked for images.
type PullPolicy string

// The policies.
const (
	PullMissing PullPolicy = "missing" // for what the engine lacks
	PullAlways  PullPolicy = "always"  // also for newer images of a name
	PullNever   PullPolicy = "never"
)

// reuse returns the image ref of the engine, or else the one of its registry,
// where differs finds nothing against it, and nil where it is to be made.
func (b *Builder) reuse(ctx context.Context, what, ref string, differs func(labels map[string]string, platform string) []string) (*image.Image, error) {
	if b.ForceRebuild {
		return nil, nil
	}
	found, err := b.Engine.Image(ctx, ref)
	if err != nil {
		return nil, err
	}
	var changed []string
	if found != nil {
		changed = differs(found.Labels(), found.Platform())
	}
	fits := found != nil && len(changed) == 0
	if b.Pull == PullAlways || b.Pull != PullNever && !fits {
		offered, err := b.registry().Ask(ctx, ref)
		if err != nil {
			return nil, err
		}
		if offered != nil && !(fits && offered.Same(found)) {
			pulled, err := b.take(ctx, what, ref, offered, differs)
			if pulled != nil || err != nil {
				return pulled, err
			}
		}
	}
	switch {
	case fits:
		b.Logf("%s %s is there already", what, ref)
		return found, nil
	case found != nil:
		b.Logf("%s %s is made again: another %s", what, ref, strings.Join(changed, " and another "))
	}
	return nil, nil
}

// take pulls what a registry offers if it is what is wanted. It returns nil
// where it is not, and where it cannot be pulled.
func (b *Builder) take(ctx context.Context, what, ref string, offered *image.Image, differs func(map[string]string, string) []string) (*image.Image, error) {
	if changed := differs(offered.Labels(), offered.Platform()); len(changed) > 0 {
		b.Logf("%s %s of the registry has another %s", what, ref, strings.Join(changed, " and another "))
		return nil, nil
	}
	pulled, err := b.pull(ctx, what, ref)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		b.Logf("going on without %s: %v", ref, problem.Cause(err))
		return nil, nil
	}
	if len(differs(pulled.Labels(), pulled.Platform())) > 0 { // it changed since
		return nil, nil
	}
	return pulled, nil
}

// get returns the image ref, which is not ours to make, from the engine or its
// registry.
func (b *Builder) get(ctx context.Context, what, ref string) (*image.Image, error) {
	found, err := b.Engine.Image(ctx, ref)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return b.pull(ctx, what, ref)
	}
	if b.Pull != PullAlways {
		return found, nil
	}
	offered, err := b.registry().Ask(ctx, ref)
	if err != nil || offered == nil || offered.Same(found) {
		return found, err
	}
	pulled, err := b.pull(ctx, what, ref)
	if err != nil && ctx.Err() == nil {
		b.Logf("going on with the %s %s that is here: %v", what, ref, problem.Cause(err))
		return found, nil
	}
	return pulled, err
}

// inputs are what a runtime image is made from.
type inputs struct {
	plan       plan.Runtime
	deps, base *image.Image // base is nil for scratch
}

// differs names what an image with these labels was made from and is another
// one now. IDs of the same image differ between kinds of engines, so the
// digests of registries count as well.
func (in inputs) differs(labels map[string]string, platform string) []string {
	have, want := payload.ReadLabels(labels), payload.ReadLabels(in.plan.Labels)
	have.Platform = platform
	want.BaseName, want.DepsDigest = in.plan.Base, in.deps.ID
	var base []string
	if in.base != nil {
		base, want.BaseDigest = in.base.Identities(), in.base.ID
	}
	return want.Differs(have, func(label, had, want string) bool {
		switch {
		case label == payload.LabelDepsDigest:
			return slices.Contains(in.deps.Identities(), had)
		case label == payload.LabelBaseDigest && in.base != nil:
			return slices.Contains(base, had) || slices.Contains(base, labels[labelOCIBaseDigest])
		case label == payload.LabelExtraDeps:
			return fingerprint.Of(had, in.plan.ExtraDeps)
		}
		return had == want
	})
}

// labelOCIBaseDigest is the base's digest in registries, see the annotations
// of the OCI image specification.
const labelOCIBaseDigest = "org.opencontainers.image.base.digest"

// pull gets an image from its registry through the engine.
func (b *Builder) pull(ctx context.Context, what, ref string) (*image.Image, error) {
	if b.Pull == PullNever {
		return nil, problem.New(problem.NotFound, fmt.Sprintf("the %s %s is not in the engine, and nothing is to be pulled", what, ref), nil,
			"Leave --offline and --pull never out, or bring the image in with 'docker load' or 'docker import'")
	}
	out := b.Log
	if b.Progress == progressui.QuietMode || b.Progress == progressui.RawJSONMode {
		out = io.Discard
	}
	return b.Engine.Pull(ctx, what, ref, engine.PullOptions{Config: b.CLI.ConfigFile(), Progress: out, Logf: b.Logf})
}
