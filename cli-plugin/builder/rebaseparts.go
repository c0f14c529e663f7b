package builder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry"
	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/opencontainers/go-digest"
)

// makeup finds out what an image is made of, and what it is to be made of. Of the
// base nothing is looked at.
func (r *rebaser) makeup(ctx context.Context, s Swap) (p makeup, err error) {
	if p.have, err = r.image(ctx, s); err != nil {
		return p, err
	}
	ref := s.Image
	p.labels = payload.ReadLabels(p.have.Labels())
	if p.labels.Kind != payload.KindRuntime {
		return p, notRebased(ref, "it is no runtime image of OpenHands", nil, "Build an image over it: 'docker openhands build "+ref+"'")
	}
	if p.labels.Platform != p.have.Platform() {
		return p, notRebased(ref, fmt.Sprintf("it is for %s and its label says %q", p.have.Platform(), p.labels.Platform), nil, "")
	}
	if p.old, err = r.formerPayload(ctx, ref, p.have, p.labels); err != nil {
		return p, err
	}
	if p.at = p.have.Find(p.old.DiffIDs()); p.at < 0 {
		return p, notRebased(ref, "it does not have the layers of its payload "+p.labels.DepsTag, nil, "")
	}
	if p.deps = p.old; s.Deps != "" {
		if p.deps, err = r.newPayload(ctx, s.Deps); err != nil {
			return p, err
		}
		switch err := fits(ref, p); {
		case err != nil && s.Lax:
			p.deps = p.old
		case err != nil:
			return p, err
		}
	}
	if p.deps, err = r.inEngine(ctx, "deps image", p.deps); err != nil {
		return p, err
	}
	base := p.labels.BaseName
	if s.Base != "" {
		base = s.Base
	}
	if base != plan.Scratch {
		if err := problem.CheckReference("base image", base); err != nil {
			return p, err
		}
	}
	var known, also bool
	if p.was, known, err = plan.Recover(p.labels, p.labels.BaseName, *depsImage(p.old.Ref, p.old)); err == nil {
		p.is, also, err = plan.Recover(p.labels, base, *depsImage(p.deps.Ref, p.deps))
	}
	switch {
	case err != nil:
		return p, err
	case !known, !also:
		return p, notRebased(ref, "its set-up is that of another version of this program", nil, "")
	case p.was.Assemble == plan.AssembleNever:
		return p, notRebased(ref, "it was made by a Dockerfile, with a copy of the payload in a layer of its own", nil, "")
	}
	return p, nil
}

// fits refuses a payload that is another kind than the image's.
func fits(ref string, p makeup) error {
	have, want := payload.ReadLabels(p.deps.Labels()), p.labels
	switch {
	case p.deps.Platform() != p.have.Platform():
		return notRebased(ref, fmt.Sprintf("the payload %s is for %s", p.deps.Ref, p.deps.Platform()), nil, "Name a payload of the image's platform, "+p.have.Platform())
	case have.Server != want.Server:
		return notRebased(ref, fmt.Sprintf("the payload %s is of the server %s, and the image of %s", p.deps.Ref, have.Server, want.Server), nil,
			"Name a payload of the same server: another one wants another set-up")
	}
	return nil
}

// image finds the image that is to be rebased: for the engine in the engine, else
// in its registry, or where there is none in the engine.
func (r *rebaser) image(ctx context.Context, s Swap) (*image.Image, error) {
	if r.engine {
		found, err := r.Engine.Image(ctx, s.Image)
		if err == nil && found == nil {
			err = problem.New(problem.NotFound, fmt.Sprintf("the image %s is not in the engine", s.Image), nil,
				r.Engine.Meant(ctx, s.Image)+"Pull it, or rebase it in its registry with --push")
		}
		return found, err
	}
	if s.found != nil {
		return s.found, nil
	}
	parsed, err := r.registry().Parse(s.Image)
	if err == nil {
		var found *image.Image
		if found, err = r.registry().Describe(ctx, parsed, r.Engine.Arch); err == nil {
			if found.Several() && len(s.Tags) == 0 && r.Output.Push {
				return found, notRebased(s.Image, "it is an index of several platforms, of which one would be left", nil,
					"Rebase each platform by its digest to a --tag of its own, and join them with 'docker buildx imagetools create'")
			}
			return found, nil
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if here, hereErr := r.Engine.Image(ctx, s.Image); here != nil || hereErr != nil {
		return here, hereErr
	}
	return nil, r.suggest(ctx, s.Image, registry.PullProblem(registry.ThisMachine, "image", s.Image, err))
}

// place is where an image may be that can be done without.
type place struct {
	ref    string
	engine bool // else its registry
}

// search returns the first of the images that fits, nil where none does. What was
// asked for is not asked for again. A registry that fails may be the one that has
// it: it is passed over, and its error is the search's where no other has it.
func (r *rebaser) search(ctx context.Context, places []place, fits func(*image.Image) bool) (*image.Image, error) {
	// Layers of registries need not be read to go into one, those of an engine need
	// not be pulled.
	slices.SortStableFunc(places, func(a, b place) int {
		switch {
		case a.engine == b.engine:
			return 0
		case a.engine == r.engine:
			return -1
		}
		return 1
	})
	var failed error
	silent := map[string]bool{} // registries
	for _, at := range places {
		host := ""
		if !at.engine {
			host = registry.HostOf(at.ref)
		}
		if silent[host] {
			continue
		}
		found, err := r.lookAt(ctx, at)
		var answer *transport.Error
		switch {
		case err != nil && (at.engine || ctx.Err() != nil):
			return nil, err
		case err != nil:
			// One that answers may know another name: distribution fails where a
			// digest is that of a configuration.
			silent[host] = !errors.As(err, &answer)
			failed = cmp.Or(failed, err)
		case found != nil && fits(found):
			return found, nil
		}
	}
	return nil, failed
}

// lookAt returns the image of a place, nil where there is none, and keeps what it is
// told.
func (r *rebaser) lookAt(ctx context.Context, at place) (*image.Image, error) {
	r.finding.Lock()
	found, asked := r.found[at]
	r.finding.Unlock()
	if asked {
		return found, nil
	}
	var err error
	if at.engine {
		found, err = r.Engine.Image(ctx, at.ref)
	} else if found, err = r.registry().Find(ctx, at.ref, r.arch); err != nil && ctx.Err() == nil {
		err = registry.PullProblem(registry.ThisMachine, "image", at.ref, err)
	}
	if err != nil {
		return nil, err
	}
	r.finding.Lock()
	defer r.finding.Unlock()
	r.found[at] = found
	return found, nil
}

// isDigest reports whether an image can be asked for by a text as its digest.
func isDigest(text string) bool {
	_, err := digest.Parse(text)
	return err == nil
}

// formerPayload finds the payload that an image says it is made of, by its digest
// or its tag: in the engine, beside the image, and where payloads are.
func (r *rebaser) formerPayload(ctx context.Context, ref string, have *image.Image, labels payload.Labels) (*image.Image, error) {
	repositories := slices.Clone(r.places)
	if parsed, err := r.registry().Parse(ref); err == nil {
		repositories = append([]string{parsed.Context().Name()}, repositories...)
	}
	var places []place
	if _, ok := tag.HashOf(labels.DepsTag); ok {
		for _, repository := range append(repositories, plan.DefaultRepository) {
			for _, form := range []string{"", tag.Zstd, tag.Flat, tag.Flat + tag.Zstd} {
				name := repository + ":" + labels.DepsTag + form
				places = append(places, place{name, true})
				if repository != plan.DefaultRepository { // which is somebody else's
					places = append(places, place{name, false})
				}
			}
		}
	}
	if isDigest(labels.DepsDigest) {
		places = append(places, place{labels.DepsDigest, true})
		for _, repository := range repositories {
			places = append(places, place{repository + "@" + labels.DepsDigest, false})
		}
	}
	found, err := r.search(ctx, places, func(found *image.Image) bool {
		return found.Labels()[payload.LabelKind] == payload.KindDeps && found.Platform() == have.Platform() &&
			found.Labels()[payload.LabelDepsTag] == labels.DepsTag && have.Find(found.DiffIDs()) >= 0
	})
	if err == nil && found == nil {
		err = notRebased(ref, fmt.Sprintf("the payload %s that its labels name is not to be found with the layers that it has", labels.DepsTag), nil,
			"Name the repository that has it with --deps-repository, or build the image anew")
	}
	return found, err
}

// newPayload finds a payload by its name.
func (r *rebaser) newPayload(ctx context.Context, ref string) (*image.Image, error) {
	r.finding.Lock()
	defer r.finding.Unlock()
	if found := r.payloads[ref]; found != nil {
		return found, nil
	}
	var found *image.Image
	var err error
	if r.engine {
		found, err = r.here.get(ctx, "deps image", ref)
	} else {
		found, err = r.native().obtain(ctx, "deps image", ref, true)
	}
	if err == nil {
		err = r.checkDeps(ctx, found)
	}
	if err != nil {
		return nil, err
	}
	r.called.learn("payload", found.DiffIDs(), nil)
	r.payloads[ref] = found
	return found, nil
}

// formerBase finds the base that an image says it was made over, by its digests:
// its name may stand for another one today. It is nil for scratch.
func (r *rebaser) formerBase(ctx context.Context, have *image.Image, labels payload.Labels) (*image.Image, error) {
	if labels.BaseName == plan.Scratch && labels.BaseDigest == "" {
		return nil, nil
	}
	var wanted []string
	for _, id := range []string{have.Labels()[labelOCIBaseDigest], labels.BaseDigest} {
		if isDigest(id) && !slices.Contains(wanted, id) {
			wanted = append(wanted, id)
		}
	}
	var places []place
	for _, id := range wanted {
		places = append(places, place{id, true})
	}
	if parsed, err := r.registry().Parse(labels.BaseName); err == nil {
		places = append(places, place{labels.BaseName, true})
		for _, id := range wanted {
			places = append(places, place{parsed.Context().Name() + "@" + id, false})
		}
		places = append(places, place{labels.BaseName, false})
	}
	found, err := r.search(ctx, places, func(found *image.Image) bool {
		return slices.ContainsFunc(found.Identities(), func(id string) bool { return slices.Contains(wanted, id) })
	})
	if err == nil && found == nil {
		err = notRebased(have.Ref, fmt.Sprintf("the base %s that it was made over is not to be found any more, by which its layers are told apart", labels.BaseName),
			errors.New("its digest is "+labels.BaseDigest), "Bring that base back, for example with 'docker pull "+labels.BaseName+"@DIGEST', or build the image anew")
	}
	return found, err
}

// inEngine returns an image that was found, as the engine has it.
func (r *rebaser) inEngine(ctx context.Context, what string, found *image.Image) (*image.Image, error) {
	if !r.engine || found == nil || found.Repository == nil {
		return found, nil
	}
	return r.here.get(ctx, what, found.Repository.Name()+"@"+found.ID)
}
