package builder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
)

// Swap says what is to be another one below a runtime image.
type Swap struct {
	Image string
	Base  string   // another base; empty: it stays
	Today bool     // the base is what its name stands for today
	Deps  string   // image with another payload; empty: it stays
	Tags  []string // names of what comes of it; none: the image's own

	Also  []string // further names that the image has
	Lax   bool     // an image that the payload is not for keeps its own
	found *image.Image
}

// Rebased is what came of a swap.
type Rebased struct {
	Image      string            `json:"image"`            // as it was named
	References []string          `json:"references"`       // names of the result
	Before     string            `json:"before,omitempty"` // digest of the image, or its ID in an engine
	ID         string            `json:"id,omitempty"`     // of the result
	Digest     string            `json:"digest,omitempty"` // of the manifest that was pushed or written
	Base       Exchange          `json:"base"`             // digests as the labels of images have them; none of scratch
	Payload    Exchange          `json:"payload"`          //
	SetUp      []string          `json:"setUp"`            // files of set-up that are others now, or came or went
	Own        int               `json:"ownLayers"`        // layers on top that were kept
	Unchanged  bool              `json:"unchanged"`        // there was nothing to do
	Repaired   bool              `json:"repaired"`         // nothing but the payload's layers was exchanged, and no base looked at
	Seconds    float64           `json:"seconds"`          //
	Traffic    *registry.Traffic `json:"push,omitempty"`   // of a push
	Failure    *problem.Error    `json:"error,omitempty"`  // why nothing came of it
}

// Exchange is a part of an image before and after.
type Exchange struct {
	Name       string `json:"name"`                 // reference of a base, tag of a payload
	FormerName string `json:"formerName,omitempty"` // where it was another one
	Before     string `json:"before,omitempty"`
	After      string `json:"after,omitempty"`
}

// Changed reports whether it is another one now.
func (e Exchange) Changed() bool { return e.Before != e.After }

// Rebase puts images over other bases and payloads, as many at a time as Jobs says.
// Images go where those of a build go; without an Output, to the engine, which has
// to have them already. One that cannot be rebased keeps no other from it. Payloads
// are looked for in the images' repositories and in depsRepository, if there is
// one. Each result is passed to done as it comes, one at a time; they are returned
// in the order of the swaps.
func (b *Builder) Rebase(ctx context.Context, swaps []Swap, depsRepository string, done func(Rebased)) (_ []Rebased, err error) {
	r, err := b.rebaser(ctx, swaps, depsRepository)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.end()) }()
	results := make([]Rebased, len(swaps))
	errs := make([]error, len(swaps))
	var telling sync.Mutex
	var group errgroup.Group
	group.SetLimit(max(1, b.Jobs))
	for i, s := range swaps {
		group.Go(func() error {
			start := time.Now()
			errs[i] = b.patiently(ctx, s.Image, func() (err error) {
				results[i], err = r.swap(ctx, s)
				return err
			})
			results[i].Seconds = time.Since(start).Seconds()
			if errs[i] != nil {
				results[i].Failure = problemOf(ctx, errs[i])
			}
			telling.Lock()
			defer telling.Unlock()
			if done != nil {
				done(results[i])
			}
			return nil
		})
	}
	_ = group.Wait() // each has its place in errs
	var failed failures
	for i, err := range errs {
		if err != nil {
			failed.add(plan.Runtime{Base: swaps[i].Image}, err)
		}
	}
	return results, failed.rebasing(len(swaps))
}

// rebasing is err for images that were to be rebased.
func (f failures) rebasing(images int) error {
	if len(f) == 0 || images == 1 {
		return f.err(images)
	}
	p := problemOf(context.Background(), f[0].err)
	return problem.New(p.Code, fmt.Sprintf("%d of %d images are not rebased, %s for one", len(f), images, f[0].base), f[0].err, "Each of them has a line that says what to do")
}

// rebaser carries swaps out.
type rebaser struct {
	*publisher                         // reads and, but for an engine, writes
	engine     bool                    // results go into the engine
	places     []string                // repositories that payloads are looked for in, beside an image's own
	finding    sync.Mutex              // over what follows
	payloads   map[string]*image.Image // that are to be put in, by their names
	found      map[place]*image.Image
}

func (b *Builder) rebaser(ctx context.Context, swaps []Swap, depsRepository string) (*rebaser, error) {
	r := &rebaser{engine: b.Output == nil, payloads: map[string]*image.Image{}, found: map[place]*image.Image{}}
	whole := plan.Plan{Deps: plan.Deps{Arch: b.Engine.Arch}}
	for _, s := range swaps {
		if err := problem.CheckReference("image", s.Image); err != nil {
			return nil, err
		}
		whole.Runtimes = append(whole.Runtimes, plan.Runtime{Image: s.Image, Tags: s.Tags})
	}
	if depsRepository != "" {
		r.places = append(r.places, depsRepository)
	}
	own := &Builder{Engine: b.Engine, CLI: b.CLI, Log: b.Log, Progress: b.Progress, Pull: b.Pull, Offline: b.Offline, Output: b.Output, Terse: b.Terse}
	own.once.client.Do(func() { own.client = b.registry() })
	own.once.shown.Do(func() { own.shown = b.View() })
	if r.engine {
		own.Output = &Output{Compression: image.Gzip} // nothing is written, but layers are kept while they are needed
	}
	var err error
	if r.publisher, err = own.publisher(ctx, whole); err != nil {
		return nil, err
	}
	r.here = local{b.native()}
	return r, nil
}

// notRebased is the error of an image that cannot be exchanged anything of.
func notRebased(ref, why string, cause error, next string) error {
	return problem.New(problem.NotRebased, fmt.Sprintf("%s cannot be rebased: %s", ref, why), cause,
		cmp.Or(next, "Build it anew: 'docker openhands build' over the new base, and what is on top of it by its own Dockerfile"))
}

// makeup is what an image is made of, proven by its diff IDs, and what it is to be
// made of.
type makeup struct {
	have          *image.Image
	labels        payload.Labels
	old, deps     *image.Image // payloads
	at            int          // where that of old lies
	was, is       plan.Runtime
	oldBase, base *image.Image // where they are looked at; nil for scratch

	// kept are labels of the parts that stay: another place may know one of them by
	// another digest.
	kept map[string]string
}

// otherPayload reports whether the payload is to be another one.
func (p makeup) otherPayload() bool {
	return !p.deps.Same(p.old) && (p.labels.DepsTag != p.deps.Labels()[payload.LabelDepsTag] || !slices.Equal(p.deps.DiffIDs(), p.old.DiffIDs()))
}

// swap carries one out.
func (r *rebaser) swap(ctx context.Context, s Swap) (result Rebased, err error) {
	result = Rebased{Image: s.Image, References: s.Tags, SetUp: []string{}}
	p, err := r.makeup(ctx, s)
	if p.have != nil {
		result.Before = p.have.ID
	}
	if err != nil {
		return result, err
	}
	result.References = r.names(s, p)
	result.Base = Exchange{Name: p.is.Base, Before: p.labels.BaseDigest, After: p.labels.BaseDigest}
	result.Payload = Exchange{Name: p.deps.Labels()[payload.LabelDepsTag], Before: p.labels.DepsDigest, After: p.labels.DepsDigest}
	if p.otherPayload() {
		result.Payload.After = p.deps.ID
		result.Payload.FormerName = other(p.labels.DepsTag, result.Payload.Name)
	}
	stays := s.Base == "" && !s.Today
	if stays && result.Payload.Changed() && !r.engine {
		if repaired, err := r.repair(ctx, p, &result); repaired || err != nil {
			return result, err
		}
	}
	if stays && !result.Payload.Changed() {
		return r.unchanged(ctx, s, p, result)
	}
	return r.anew(ctx, s, p, result)
}

// other is a name, unless it is the given one.
func other(name, than string) string {
	if name == than {
		return ""
	}
	return name
}

// names are those of the result.
func (r *rebaser) names(s Swap, p makeup) []string {
	if len(s.Tags) > 0 {
		return s.Tags
	}
	var names []string
	for _, name := range append([]string{s.Image}, s.Also...) {
		name = plan.Renamed(name, p.labels, p.is.Base, *depsImage(p.deps.Ref, p.deps))
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// unchanged is what came of a swap of nothing: under further names the image goes
// out as it is.
func (r *rebaser) unchanged(ctx context.Context, s Swap, p makeup, result Rebased) (Rebased, error) {
	result.Unchanged, result.ID = true, p.have.ID
	if !r.engine {
		result.ID, result.Digest = p.have.ConfigDigest(), p.have.ID
	}
	if len(s.Tags) == 0 && (r.engine || r.Output.Push) {
		result.References = append([]string{s.Image}, s.Also...)
		r.Logf("%s is as it is to be", s.Image)
		return result, nil
	}
	if r.engine {
		return result, r.Engine.Tag(ctx, p.have.ID, s.Tags)
	}
	whole, err := r.whole(ctx, p.have, false)
	if err != nil {
		return result, err
	}
	return result, r.deliver(ctx, whole, &result)
}

// deliver puts a result where it goes, if that is no engine.
func (r *rebaser) deliver(ctx context.Context, whole *image.Image, result *Rebased) error {
	made := Result{References: result.References}
	err := r.put(ctx, whole, &made)
	result.ID, result.Digest, result.Traffic = made.ID, made.Digest, made.Traffic
	return err
}

// repair exchanges the payload's layers alone, where that is all there is to do:
// set-up is a function of the base and of the plan, and both stay. It reports
// whether it has: not where the image does not tell which layers are its own.
func (r *rebaser) repair(ctx context.Context, p makeup, result *Rebased) (bool, error) {
	old, setUp := len(p.old.DiffIDs()), p.have.SetUpAt()
	if p.have.Repository == nil || setUp < p.at+old {
		return false, nil
	}
	own := slices.Clone(p.have.Layers[setUp+1:])
	if err := r.readOwn(ctx, p.have.Ref, own); err != nil {
		return false, err
	}
	if err := image.Claims(own); err != nil {
		return false, notRebased(p.have.Ref, "the payload below it would be another one", err, "")
	}
	layers, err := r.layers(ctx, p.deps, true)
	if err != nil {
		return false, err
	}
	labels := maps.Clone(p.have.Labels())
	for _, name := range []string{payload.LabelComponents, payload.LabelVariant, payload.LabelInputs} {
		delete(labels, name)
	}
	maps.Copy(labels, p.is.Labels)
	if mark, ok := p.have.Labels()[payload.LabelExtraDeps]; ok {
		labels[payload.LabelExtraDeps] = mark
	}
	of := payload.ReadLabels(p.deps.Labels())
	maps.Copy(labels, payload.Labels{DepsDigest: p.deps.ID, Components: of.Components, Variant: of.Variant, Inputs: of.Inputs}.Map())
	made, err := p.have.Repaired(p.at, old, layers, labels)
	if err != nil {
		return false, err
	}
	if err := r.room(p.have.Ref, made); err != nil {
		return false, err
	}
	if made, err = made.Encode(); err != nil {
		return false, err
	}
	result.Own, result.Repaired = len(own), true
	if !r.Output.Push {
		return true, r.deliver(ctx, made, result)
	}
	traffic, _, err := r.registry().Push(ctx, made, result.References, func(image.Layer) io.Writer { return io.Discard })
	if err == nil {
		result.ID, result.Digest, result.Traffic = made.ConfigDigest(), made.Descriptor().Digest.String(), &traffic
	}
	return true, err
}

// readOwn lists layers of a registry that are an image's own.
func (r *rebaser) readOwn(ctx context.Context, ref string, own []image.Layer) error {
	left := image.NewBudget()
	for i := range own {
		count := func() io.Writer { return io.Discard }
		if err := lookInto(ctx, &own[i], image.Attempt{}, left, count); err != nil {
			return fmt.Errorf("reading the layer %s of %s: %w", own[i].Descriptor.Digest, ref, err)
		}
	}
	return nil
}

// room refuses an image that no engine with a graph driver can have.
func (r *rebaser) room(ref string, made *image.Image) error {
	if n := len(made.Layers); n > maxStack && !(r.engine && r.Engine.Containerd) {
		return notRebased(ref, fmt.Sprintf("it would have %d layers, and no image of more than %d runs in every engine", n, maxStack), nil,
			"Make one layer of what is on top of it, or build it anew: a payload over a base of many layers is one layer then")
	}
	return nil
}

// anew makes the image anew of what it was made of, which proves its layers, and
// of what it is to be made of, and lays its own layers and settings over that.
func (r *rebaser) anew(ctx context.Context, s Swap, p makeup, result Rebased) (Rebased, error) {
	var err error
	if p.oldBase, err = r.formerBase(ctx, p.have, p.labels); err != nil {
		return result, err
	}
	p.base = p.oldBase
	switch {
	case s.Base == "" && !s.Today:
		p.base, err = r.inEngine(ctx, "base image", p.oldBase)
	case r.engine:
		p.base, err = r.here.base(ctx, p.is.Base)
	default:
		p.base, err = r.base(ctx, p.is.Base)
	}
	if err != nil {
		return result, err
	}
	result.Base.FormerName = other(p.labels.BaseName, p.is.Base)
	if result.Base.After = ""; p.base != nil {
		result.Base.After = p.base.ID
		if p.oldBase != nil && p.base.Same(p.oldBase) {
			result.Base.After = result.Base.Before
		}
	}
	if !result.Base.Changed() && !result.Payload.Changed() && result.Base.FormerName == "" {
		return r.unchanged(ctx, s, p, result)
	}
	p.kept = map[string]string{}
	if !result.Payload.Changed() {
		p.kept[payload.LabelDepsDigest] = p.labels.DepsDigest
	}
	if !result.Base.Changed() {
		p.kept[payload.LabelBaseDigest] = p.labels.BaseDigest
		if id, ok := p.have.Labels()[labelOCIBaseDigest]; ok {
			p.kept[labelOCIBaseDigest] = id
		}
	}
	before, err := r.composed(ctx, r.recipe(p.was, p.old, p.oldBase, nil), p.old, p.oldBase)
	if err != nil {
		return result, err
	}
	have, own, err := r.own(ctx, p, before)
	if err != nil {
		return result, err
	}
	result.Own = len(own)
	r.tellWithout(p.is, p.base)
	after, err := r.composed(ctx, r.recipe(p.is, p.deps, p.base, p.kept), p.deps, p.base)
	if err != nil {
		return result, err
	}
	if result.SetUp, err = image.Changed(before.Layers[len(before.Layers)-1], after.Layers[len(after.Layers)-1]); err != nil {
		return result, err
	}
	result.SetUp = append([]string{}, result.SetUp...)
	if len(own) > 0 {
		if err := r.movable(ctx, p, own, before, after); err != nil {
			return result, err
		}
	}
	if r.engine {
		return result, r.intoEngine(ctx, p, have, own, before, &result)
	}
	made, err := image.Rebased(have, before, after)
	if err != nil {
		return result, err
	}
	if err := r.room(p.have.Ref, made); err != nil {
		return result, err
	}
	// A layer that the image calls its base's is taken from the base: what the
	// image says of it is not proven.
	layers, err := r.layers(ctx, p.deps, true)
	if err != nil {
		return result, err
	}
	if p.base != nil {
		more, err := r.layers(ctx, p.base, false)
		if err != nil {
			return result, err
		}
		layers = append(layers, more...)
	}
	if have.Repository == nil {
		if own, err = r.compressed(ctx, own); err != nil {
			return result, err
		}
	}
	below := len(made.Layers) - len(own)
	made.Layers = append(inOrder(made.Layers[:below], layers), own...)
	if made, err = made.Encode(); err != nil {
		return result, err
	}
	return result, r.deliver(ctx, made, &result)
}

// composed is a runtime image as it comes of a plan, with the listings of all
// layers but the payload's.
func (r *rebaser) composed(ctx context.Context, of image.Recipe, deps, base *image.Image) (*image.Image, error) {
	made, err := r.compose(ctx, base, of, deps)
	if err != nil {
		return nil, err
	}
	for i, l := range made.Layers {
		if l.Listing == nil && l.Proven && l.Open != nil { // made here
			if made.Layers[i], err = l.Listed(); err != nil {
				return nil, fmt.Errorf("reading what was made for %s: %w", of.Runtime.Base, err)
			}
		}
	}
	return made, nil
}

// recipe says what an image over base is to be, with some labels as they were.
func (r *rebaser) recipe(of plan.Runtime, deps, base *image.Image, kept map[string]string) image.Recipe {
	labels := origin(deps, base)
	maps.Copy(labels, kept)
	return image.Recipe{Runtime: of, Labels: labels, Arch: deps.Config.Architecture, Created: image.Created(base, deps), Logf: r.Logf}
}

// own returns the image with its configuration, and the layers that it has on top,
// which have been read.
func (r *rebaser) own(ctx context.Context, p makeup, before *image.Image) (*image.Image, []image.Layer, error) {
	have := p.have
	own, err := have.Own(before)
	var other *image.StackError
	if errors.As(err, &other) {
		return nil, nil, notRebased(have.Ref, "it is not made of what its labels say", err, "")
	}
	if err != nil || have.Repository != nil {
		if err == nil {
			err = r.readOwn(ctx, have.Ref, own)
		}
		return have, own, err
	}
	if len(own) == 0 {
		return have, nil, nil
	}
	return r.ownOfEngine(ctx, have, own)
}

// movable refuses own layers that what is new below them would not go with.
func (r *rebaser) movable(ctx context.Context, p makeup, own []image.Layer, before, after *image.Image) error {
	same := slices.Equal(p.old.DiffIDs(), p.deps.DiffIDs())
	err := r.recipe(p.is, p.deps, p.base, nil).Retry(func(w image.Attempt) error {
		was, err := r.relisted(ctx, before, p.oldBase, w)
		if err != nil {
			return err
		}
		is, err := r.relisted(ctx, after, p.base, w)
		if err != nil {
			return err
		}
		return image.Movable(own, was, is, same)
	})
	var shadows *image.ShadowError
	if errors.As(err, &shadows) {
		return notRebased(p.have.Ref, "what is on top of it does not go with what would be below", err,
			"Build it anew by its own Dockerfile FROM an image over the new base; docs/rebase.md says what goes with what")
	}
	return err
}

// relisted are the layers of an image with what an attempt reads of its base.
func (r *rebaser) relisted(ctx context.Context, made, base *image.Image, w image.Attempt) ([]image.Layer, error) {
	layers := slices.Clone(made.Layers)
	if w.Extra() == "" || base == nil {
		return layers, nil
	}
	content, err := r.content(ctx, base, w)
	if err != nil {
		return nil, err
	}
	read := map[digest.Digest]*image.Listing{}
	for _, l := range content.Layers {
		read[l.DiffID] = l.Listing
	}
	for i, l := range layers {
		if listing, ok := read[l.DiffID]; ok && l.Listing != nil {
			layers[i].Listing = listing
		}
	}
	return layers, nil
}
