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
func (in inputs) differs(have map[string]string, platform string) []string {
	var changed []string
	add := func(what, had, want string) {
		if had == "" || want == "" {
			changed = append(changed, what)
		} else {
			changed = append(changed, fmt.Sprintf("%s (%s, was %s)", what, want, had))
		}
	}
	if want := in.plan.Labels[payload.LabelPlatform]; platform != want {
		add("platform", platform, want)
	}
	if had := have[payload.LabelDepsDigest]; !slices.Contains(in.deps.Identities(), had) {
		add("payload", abbreviated(had), abbreviated(in.deps.ID))
	}
	had, hadName := have[payload.LabelBaseDigest], have[payload.LabelBaseName]
	switch want := in.plan.Base; {
	case hadName != want:
		add("base reference", hadName, want)
	case in.base == nil && had != "":
		add("base", abbreviated(had), "")
	case in.base != nil && !slices.Contains(in.base.Identities(), had) && !slices.Contains(in.base.Identities(), have[labelOCIBaseDigest]):
		add("base", abbreviated(had), abbreviated(in.base.ID))
	}
	return append(changed, in.setupDiffers(have)...)
}

// labelOCIBaseDigest is the base's digest in registries, see the annotations
// of the OCI image specification.
const labelOCIBaseDigest = "org.opencontainers.image.base.digest"

// setupDiffers names what of the set-up and of extra dependencies changed.
func (in inputs) setupDiffers(have map[string]string) []string {
	want := in.plan.Labels
	same := have[payload.LabelSetup] == want[payload.LabelSetup]
	var changed []string
	if had, told := have[payload.LabelUser]; told && !same && had != want[payload.LabelUser] {
		changed = append(changed, fmt.Sprintf("user (%s, was %s)", want[payload.LabelUser], had))
	}
	if !fingerprint.Of(have[payload.LabelExtraDeps], in.plan.ExtraDeps) {
		changed = append(changed, "command for extra dependencies")
	}
	if !same && len(changed) == 0 {
		changed = []string{"choice of sudo, layer order or library path"}
	}
	return changed
}

// abbreviated is a digest as docker shows it.
func abbreviated(digest string) string {
	algorithm, hex, ok := strings.Cut(digest, ":")
	if !ok {
		return digest
	}
	return algorithm + ":" + hex[:min(12, len(hex))]
}

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
