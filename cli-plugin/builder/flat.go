package builder

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/buildx"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// maxStack is how many layers an image may have in an engine with a graph
// driver, see maxLayerDepth of moby's layer store. Other engines take more.
const maxStack = 125

// fit is how a payload gets into the stack over a base.
type fit int

const (
	ordinary fit = iota
	flat         // in one layer
	none
)

// fitOf tells how the payload fits in.
func fitOf(deps, base *image.Image, r plan.Runtime) fit {
	others := 1 // that of set-up
	if r.ExtraDeps != "" {
		others++
	}
	if r.LayerOrder == plan.OrderBaseFirst {
		others++ // the marker that hides
	}
	if base != nil {
		others += len(base.DiffIDs())
	}
	switch {
	case others+len(deps.DiffIDs()) <= maxStack:
		return ordinary
	case others+1 <= maxStack:
		return flat
	}
	return none
}

// checkDepth refuses a base over which nothing has room.
func (b *Builder) checkDepth(ref string, base *image.Image) error {
	if b.deep() || len(base.DiffIDs())+2 <= maxStack {
		return nil
	}
	return tooDeep(ref, base)
}

// deep reports whether images go to an engine that takes any number of layers.
func (b *Builder) deep() bool { return b.Output == nil && b.Engine.Containerd }

func tooDeep(ref string, base *image.Image) error {
	return problem.New(problem.BaseConflict, fmt.Sprintf("the base %s has %d layers, and no image of more than %d runs in every engine", ref, len(base.DiffIDs()), maxStack), nil,
		"Make one layer of them: build 'FROM scratch' with 'COPY --from="+ref+" / /' and the settings that you need, or pipe 'docker export' of a container into 'docker import'")
}

// fitting returns the payload for a runtime image in the engine: deps itself, or
// its flat form.
func (l local) fitting(ctx context.Context, deps, base *image.Image, r plan.Runtime) (*image.Image, error) {
	how := fitOf(deps, base, r)
	switch {
	case how == ordinary, l.deep():
		return deps, nil
	case how == none:
		return nil, tooDeep(r.Base, base)
	case r.Assemble == plan.AssembleNever: // its payload is one layer
		return deps, nil
	}
	named, err := reference.ParseNormalizedNamed(r.Image)
	if err != nil {
		return nil, fmt.Errorf("reading the name %s: %w", r.Image, err)
	}
	return l.flatten(ctx, deps, reference.FamiliarName(named)+":"+flatTag(deps))
}

// flatTag is the tag of a payload in one layer. It is made where a base has so
// many layers that those of the ordinary one have no room, once for each engine,
// and shared by all images over such bases.
func flatTag(deps *image.Image) string {
	name := deps.Labels()[payload.LabelDepsTag]
	if name == "" {
		name = "oh_deps_" + engine.ShortID(deps.ID)
	}
	return name + tag.Flat
}

// flatten makes the flat form of the payload deps, unless the engine has it.
func (b *Builder) flatten(ctx context.Context, deps *image.Image, ref string) (*image.Image, error) {
	unlock, err := b.lock(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer unlock()
	found, err := b.Engine.Image(ctx, ref)
	if err != nil {
		return nil, err
	}
	if found != nil && slices.Contains(deps.Identities(), found.Labels()[payload.LabelDepsDigest]) && found.Platform() == deps.Platform() {
		b.Logf("the payload in one layer, %s, is there already", ref)
		return found, nil
	}
	b.Logf("the base has so many layers that the payload has to be one: making %s, once for this engine", ref)
	_, err = b.Engine.WithName(ctx, deps.ID, func(name string) (string, error) {
		return "", b.buildx().Bake(ctx, buildx.Target{Dockerfile: flatDockerfile(name, deps), Tags: []string{ref}, NoCache: b.NoCache, FromEngine: true})
	})
	if err != nil {
		return nil, fmt.Errorf("making one layer of the payload: %w", err)
	}
	found, err = b.Engine.Image(ctx, ref)
	if err == nil && found == nil {
		err = fmt.Errorf("the image %s was removed meanwhile", ref)
	}
	return found, err
}

// flatDockerfile copies all of the payload, which has the given name. The
// labels are the payload's, and say which one it is.
func flatDockerfile(name string, deps *image.Image) string {
	text := "FROM scratch\nCOPY --from=" + name + " / /\n"
	add := func(label, value string) {
		quoted, _ := json.Marshal(value) // strings always encode
		text += "LABEL " + label + "=" + strings.ReplaceAll(string(quoted), "$", `\$`) + "\n"
	}
	for _, label := range []string{
		payload.LabelVersion, payload.LabelServer, payload.LabelComponents, payload.LabelVariant, payload.LabelKind, payload.LabelDepsTag, payload.LabelInputs,
	} {
		if value, ok := deps.Labels()[label]; ok {
			add(label, value)
		}
	}
	add(payload.LabelDepsDigest, deps.ID)
	return text
}

// fitting returns the payload for an image that is published, which no engine
// with a graph driver can refuse. Its flat form comes from where images go, or
// the engine makes it; a push puts it beside the ordinary one.
func (p *publisher) fitting(ctx context.Context, d plan.Deps, deps, base *image.Image, r plan.Runtime) (*image.Image, error) {
	if base == nil || fitOf(deps, base, r) == ordinary {
		return deps, nil
	}
	if fitOf(deps, base, r) == none {
		return nil, tooDeep(r.Base, base)
	}
	flattened := d
	flattened.Tag = flatTag(deps)
	if named, err := reference.ParseNormalizedNamed(r.Image); err == nil {
		flattened.Image = reference.FamiliarName(named) + ":" + flattened.Tag
	}
	same := func(have *image.Image) bool {
		return have.Labels()[payload.LabelKind] == payload.KindDeps && have.Platform() == deps.Platform() && len(have.DiffIDs()) == 1 &&
			have.Labels()[payload.LabelDepsTag] != "" && have.Labels()[payload.LabelDepsTag] == deps.Labels()[payload.LabelDepsTag]
	}
	if p.Pull != PullNever {
		found, err := p.askFor(ctx, flattened, p.Output.Compression, same)
		if found != nil || err != nil {
			return found, err
		}
	}
	if p.Engine.Absent != nil {
		return nil, problem.New(problem.NoEngine, fmt.Sprintf("the base %s has so many layers that the payload has to be one, which no registry has and an engine has to make", r.Base),
			problem.Cause(p.Engine.Absent), "Start an engine, or make a base with fewer layers")
	}
	if p.foreign() {
		return nil, problem.New(problem.Platform, fmt.Sprintf("the base %s has so many layers that the payload has to be one, which no registry has and an engine of linux/%s has to make", r.Base, p.arch), nil,
			"Push an image over it from such an engine first, or make a base with fewer layers")
	}
	here, err := p.depsHere(ctx, d, deps)
	if err != nil {
		return nil, err
	}
	made, err := p.flatten(ctx, here, flattened.Image)
	if err != nil {
		return nil, err
	}
	one := made
	if p.Output.Push {
		err = p.keepDeps(ctx, one, &Result{References: p.depsNames(d, flattened.Tag, false)})
	}
	return one, err
}
