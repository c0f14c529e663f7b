package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Manifest is the image of one platform in an index.
type Manifest struct {
	Platform string `json:"platform"`         // for example linux/arm64
	ID       string `json:"id"`               // digest of its configuration
	Digest   string `json:"digest,omitempty"` // where it was pushed or written
}

// several is a target that makes each image for several platforms and publishes an
// index of them. What each platform gets is what its own publisher would publish,
// byte for byte; no name leads to an index before all of it is there.
type several struct {
	*Builder
	platforms []*platform
	whole     plan.Plan

	lock  sync.Mutex
	bases map[string][]*image.Image // by their names, one for each platform
}

// platform is one of several.
type platform struct {
	*publisher
	plan plan.Plan
	deps *image.Image
}

// several returns the target for a plan for several platforms, once each of the
// repositories that it goes to takes images of this user.
func (b *Builder) several(ctx context.Context, p plan.Plan) (*several, error) {
	if err := b.checkPlatforms(p); err != nil {
		return nil, err
	}
	repositories, err := b.destinations(ctx, p)
	if err != nil {
		return nil, err
	}
	s := &several{Builder: b, whole: p, bases: map[string][]*image.Image{}}
	for _, one := range p.Platforms {
		made := finder{b, one.Deps.Arch}.publisher(repositories)
		made.joined = p.Deps.Tag
		s.platforms = append(s.platforms, &platform{publisher: made, plan: one.Plan()})
	}
	return s, nil
}

// checkPlatforms refuses a plan for several platforms where it cannot be carried
// out for one of them, or not in one go.
func (b *Builder) checkPlatforms(p plan.Plan) error {
	if !b.Output.Push && b.Output.Format != image.FormatOCI {
		return problem.New(problem.Usage, fmt.Sprintf("an archive with type=%s holds one platform, and there are %s", b.Output.Format, p.Platform()), nil,
			"Use type=oci, or one --platform for each archive")
	}
	for _, one := range p.Platforms {
		if err := (finder{b, one.Deps.Arch}).checkEngine(one.Plan()); err != nil {
			return err
		}
	}
	return nil
}

func (s *several) end() error {
	var errs []error
	for _, one := range s.platforms {
		errs = append(errs, one.end())
	}
	return errors.Join(errs...)
}

// names implements target.
func (s *several) names(ctx context.Context, r plan.Runtime) error {
	return s.mayTake(ctx, r, s.look)
}

// look asks for what has a name for any of the platforms.
func (s *several) look(ctx context.Context, ref string) (found *standing, err error) {
	for _, one := range s.platforms {
		if found, err = one.look(ctx, ref); found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil
}

// early implements target: nothing is pulled for a description.
func (s *several) early(context.Context, plan.Plan) (bool, error) { return true, nil }

// base implements target. What it returns is the base of the first platform; those
// of the others are kept for runtime.
func (s *several) base(ctx context.Context, ref string) (*image.Image, error) {
	all := make([]*image.Image, len(s.platforms))
	for i, one := range s.platforms {
		var err error
		if all[i], err = one.base(ctx, ref); err != nil {
			return nil, err
		}
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.bases[ref] = all
	return all[0], nil
}

// payload implements target. Those of all platforms are found before one goes
// anywhere. Each keeps the name that it has without the others, so that an image
// for its platform alone finds it, and the index gets a name beside them.
func (s *several) payload(ctx context.Context, p plan.Plan) (*image.Image, Result, error) {
	start := time.Now()
	result := Result{References: []string{p.Deps.Image}, Reused: true}
	tagged := true
	for _, one := range s.platforms {
		deps, found, err := one.payloadOf(ctx, one.plan)
		if err != nil {
			return nil, result, err
		}
		one.deps = deps
		tagged = tagged && deps.Labels()[payload.LabelDepsTag] != ""
		result.Reused = result.Reused && found.Reused
		result.Manifests = append(result.Manifests, Manifest{Platform: one.plan.Platform(), ID: found.ID})
	}
	alone := len(p.Runtimes) == 0
	var err error
	switch {
	case !alone && (!s.Output.Push || !tagged):
		// An archive has them in its images; without a label they have no tag.
	case s.Output.Push:
		err = s.keepDeps(ctx, p, alone, &result)
	default:
		var index *image.Index
		if index, err = s.payloads(ctx); err == nil {
			result.Reused = false
			err = s.put(ctx, index, &result)
		}
	}
	result.Seconds = time.Since(start).Seconds()
	return s.platforms[0].deps, result, err
}

// keepDeps pushes the payloads, and then their index, under those names that they
// do not have.
func (s *several) keepDeps(ctx context.Context, p plan.Plan, alone bool, result *Result) error {
	for _, one := range s.platforms {
		kept := Result{References: one.depsNames(one.plan.Deps, one.deps.Labels()[payload.LabelDepsTag], alone), Reused: true}
		if err := one.keepDeps(ctx, one.deps, &kept); err != nil {
			return err
		}
		result.Reused = result.Reused && kept.Reused
		result.sent(kept.Traffic)
	}
	index, err := s.payloads(ctx)
	if err != nil {
		return err
	}
	first := s.platforms[0]
	result.References = first.depsNames(p.Deps, p.Deps.Tag, alone)
	result.of(index)
	var missing []string
	for _, ref := range result.References {
		found, err := first.ask(ctx, ref)
		if err != nil {
			return err
		}
		if found == nil || found.DistributionDigest() != result.Digest {
			missing = append(missing, ref)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	result.Reused = false
	return s.push(ctx, index, missing, result)
}

// payloads is the index of the payloads, as they are published.
func (s *several) payloads(ctx context.Context) (*image.Index, error) {
	all := make([]*image.Image, len(s.platforms))
	for i, one := range s.platforms {
		var err error
		if all[i], err = one.publisher.whole(ctx, one.deps, true); err != nil {
			return nil, err
		}
	}
	return image.Join(all)
}

// runtime implements target.
func (s *several) runtime(ctx context.Context, _ plan.Deps, _, _ *image.Image, r plan.Runtime) (Result, error) {
	start := time.Now()
	s.lock.Lock()
	bases := s.bases[r.Base]
	s.lock.Unlock()
	result := Result{Base: r.Base, References: publishedNames(r)}
	from := make([]inputs, len(s.platforms))
	for i, one := range s.platforms {
		own := one.plan.Runtimes[slices.IndexFunc(one.plan.Runtimes, func(other plan.Runtime) bool { return other.Base == r.Base })]
		deps, err := one.fitting(ctx, one.plan.Deps, one.deps, bases[i], own)
		if err != nil {
			return Result{}, err
		}
		from[i] = inputs{own, deps, bases[i]}
	}
	if reused, err := s.published(ctx, from, &result); reused || err != nil {
		return result, err
	}
	made := make([]*image.Image, len(s.platforms))
	for i, one := range s.platforms {
		var err error
		if made[i], err = one.assemble(ctx, from[i].deps, from[i].base, from[i].plan); err != nil {
			return result, err
		}
	}
	index, err := image.Join(made)
	if err == nil {
		err = s.put(ctx, index, &result)
	}
	result.Seconds = time.Since(start).Seconds()
	return result, err
}

// published reports whether a registry has the index under all of its names, of
// just these platforms and each made from the same inputs.
func (s *several) published(ctx context.Context, from []inputs, result *Result) (bool, error) {
	if !s.Output.Push || s.ForceRebuild {
		return false, nil
	}
	for n, ref := range result.References {
		found := make([]*image.Image, len(s.platforms))
		for i, one := range s.platforms {
			var err error
			if found[i], err = one.find(ctx, ref); err != nil || found[i] == nil || !one.current(from[i], standingOf(found[i])) {
				return false, err
			}
		}
		index, err := image.Join(found)
		if err != nil {
			return false, err
		}
		if id := index.Descriptor().Digest.String(); id != found[0].DistributionDigest() || n > 0 && id != result.Digest {
			return false, nil
		}
		result.of(index)
	}
	result.Reused = true
	s.Logf("image %s is there already", result.References[0])
	return true, nil
}

// put is the last step: no name has led to the index before.
func (s *several) put(ctx context.Context, index *image.Index, result *Result) error {
	result.of(index)
	if s.Output.Push {
		return s.push(ctx, index, result.References, result)
	}
	return s.platforms[0].write(result, index.LayersSize(), func(w io.Writer) error { return index.WriteArchive(ctx, w, result.References) })
}

// push puts an index into registries.
func (s *several) push(ctx context.Context, index *image.Index, names []string, result *Result) error {
	step := s.View().Step("pushing " + strings.Join(names, ", "))
	sending := func(l image.Layer) io.Writer { return step.Part(s.called(l), l.Descriptor.Size) }
	traffic, layers, err := s.registry().PushIndex(ctx, index, names, sending)
	step.End(err)
	if err != nil {
		return err
	}
	for _, one := range s.platforms {
		one.moved(layers)
	}
	result.sent(&traffic)
	return nil
}

// called is what people call a layer, with its platform.
func (s *several) called(l image.Layer) string {
	for _, one := range s.platforms {
		if one.publisher.called.knows(l.DiffID) {
			return one.publisher.called.of(l.DiffID) + ", " + one.arch
		}
	}
	return newLayerNames().of(l.DiffID)
}

// of says what index came of it.
func (r *Result) of(index *image.Index) {
	r.Digest = index.Descriptor().Digest.String()
	r.ID, r.Manifests = r.Digest, nil
	for _, i := range index.Images {
		r.Manifests = append(r.Manifests, Manifest{i.Platform(), i.ConfigDigest(), i.Descriptor().Digest.String()})
	}
}

// sent takes up what a push came to, nil where there was none.
func (r *Result) sent(t *registry.Traffic) {
	if t == nil {
		return
	}
	if r.Traffic == nil {
		r.Traffic = &registry.Traffic{}
	}
	r.Traffic.Add(*t)
}
