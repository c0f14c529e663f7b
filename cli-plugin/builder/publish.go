package builder

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/opencontainers/go-digest"
)

// Output says where images go instead of the engine.
type Output struct {
	Push        bool                // to their registries; else into a file
	File        string              // name of an archive; "-" is Stdout
	Format      image.ArchiveFormat // of the archive
	Stdout      io.Writer
	Compression image.Compression // of all layers but those that a base has compressed already
}

// publisher carries a plan out whose images go into registries or a file. An
// engine is needed only for what nobody else has, and for what has to be run.
type publisher struct {
	finder
	here         local // the engine, for what it has to make
	blobs        *blobStore
	repositories []name.Repository // that images go to
	// Layers that can be had, by diff ID: the payload's, and those that are
	// proven. What else a registry says of a layer is no key to anything.
	lock     sync.Mutex // over known, configs and standing
	known    map[digest.Digest]image.Layer
	configs  map[string][]byte    // of images of the engine, by their ID
	standing map[string]*standing // what names have that were asked about and not pushed to yet

	called *layerNames
	joined string // tag of an index that may have the payload; empty: there is none
}

// publisher returns the target for what the plan makes, once each of the
// repositories that it goes to takes images of this user.
func (b *Builder) publisher(ctx context.Context, p plan.Plan) (*publisher, error) {
	f := finder{b, p.Deps.Arch}
	if err := f.checkEngine(p); err != nil {
		return nil, err
	}
	repositories, err := b.destinations(ctx, p)
	if err != nil {
		return nil, err
	}
	return f.publisher(repositories), nil
}

// checkEngine refuses a plan that takes an engine which there is not.
func (f finder) checkEngine(p plan.Plan) error {
	switch {
	case !slices.ContainsFunc(p.Runtimes, madeInEngine):
		return nil
	case f.Engine.Absent != nil:
		return problem.New(problem.NoEngine, "--extra-deps and --assemble never need an engine, and none answers", problem.Cause(f.Engine.Absent),
			"Start one, or point DOCKER_HOST or 'docker context use' at one that runs")
	case f.foreign():
		return problem.New(problem.Platform, fmt.Sprintf("--extra-deps and --assemble never run in the engine, which is one of linux/%s and not of linux/%s", f.Engine.Arch, f.arch), nil,
			"Push from an engine of each platform, and join the images with 'docker buildx imagetools create'")
	}
	return nil
}

// publisher returns the target for what goes to the repositories.
func (f finder) publisher(repositories []name.Repository) *publisher {
	return &publisher{
		finder: f, here: local{f}, blobs: &blobStore{lease: f.Engine.Lease()}, repositories: repositories,
		known: map[digest.Digest]image.Layer{}, configs: map[string][]byte{}, standing: map[string]*standing{}, called: newLayerNames(),
	}
}

func (p *publisher) end() error { return p.blobs.lease.End() }

// publishedNames are the names that a runtime image is published under. With
// --tag only those are pushed: the user may lack rights elsewhere.
func publishedNames(r plan.Runtime) []string {
	if len(r.Tags) > 0 {
		return r.Tags
	}
	return []string{r.Image}
}

// registries are those that images go to.
func (p *publisher) registries() []name.Registry {
	var all []name.Registry
	for _, repository := range p.repositories {
		if !slices.Contains(all, repository.Registry) {
			all = append(all, repository.Registry)
		}
	}
	return all
}

// near reports whether images are pushed to the registry of ref.
func (p *publisher) near(ref string) bool {
	parsed, err := p.registry().Parse(ref)
	return err == nil && slices.Contains(p.registries(), parsed.Context().Registry)
}

// push puts an image into registries.
func (p *publisher) push(ctx context.Context, whole *image.Image, names []string, result *Result) error {
	step := p.View().Step("pushing " + strings.Join(names, ", "))
	sending := func(l image.Layer) io.Writer { return step.Part(p.called.of(l.DiffID), l.Descriptor.Size) }
	traffic, layers, err := p.registry().Push(ctx, whole, names, sending)
	step.End(err)
	if err != nil {
		return err
	}
	p.moved(layers)
	result.Digest = whole.Descriptor().Digest.String()
	result.sent(&traffic)
	return nil
}

// early implements target: nothing is pulled for a description.
func (p *publisher) early(context.Context, plan.Plan) (bool, error) { return true, nil }

// base finds a base; nil for scratch.
func (p *publisher) base(ctx context.Context, ref string) (*image.Image, error) {
	if ref == plan.Scratch {
		return nil, nil
	}
	found, err := p.obtain(ctx, "base image", ref, p.near(ref))
	if err != nil {
		return nil, err
	}
	p.called.learn(ref, found.DiffIDs(), nil)
	return found, p.checkBase(ref, found)
}

// know takes layers up that are not known yet, or not in a form that fits.
func (p *publisher) know(layers []image.Layer, fits func(image.Layer) bool) {
	p.lock.Lock()
	defer p.lock.Unlock()
	for _, l := range layers {
		if known, ok := p.known[l.DiffID]; fits(l) && (!ok || !fits(known)) {
			p.known[l.DiffID] = l
		}
	}
}

// moved notes where known layers are now.
func (p *publisher) moved(layers []image.Layer) {
	p.lock.Lock()
	defer p.lock.Unlock()
	for _, l := range layers {
		if known, ok := p.known[l.DiffID]; ok && known.Descriptor.Digest == l.Descriptor.Digest {
			p.known[l.DiffID] = l
		}
	}
}

// having returns of some layers those that are known in a form that fits, in their
// order, and the diff IDs of the others.
func (p *publisher) having(ids []digest.Digest, fits func(image.Layer) bool) (there []image.Layer, missing []digest.Digest) {
	p.lock.Lock()
	defer p.lock.Unlock()
	for _, id := range ids {
		if l, ok := p.known[id]; ok && fits(l) {
			there = append(there, l)
		} else {
			missing = append(missing, id)
		}
	}
	return there, missing
}

// payload implements target. With a push, it gets its tag in the repository of
// payloads, or else the first of each registry, so that the next image finds it
// there.
func (p *publisher) payload(ctx context.Context, whole plan.Plan) (*image.Image, Result, error) {
	start := time.Now()
	deps, result, err := p.payloadOf(ctx, whole)
	if err != nil {
		return nil, result, err
	}
	switch alone, tag := len(whole.Runtimes) == 0, deps.Labels()[payload.LabelDepsTag]; {
	case !alone && (!p.Output.Push || tag == ""):
		// An archive has it in its images; without a label it has no tag.
	case p.Output.Push:
		result.References = p.depsNames(whole.Deps, tag, alone)
		err = p.keepDeps(ctx, deps, &result)
	default:
		var whole *image.Image
		if whole, err = p.whole(ctx, deps, true); err == nil {
			result.Reused = false
			err = p.writeImage(ctx, whole, &result)
		}
	}
	result.Seconds = time.Since(start).Seconds()
	return deps, result, err
}

// payloadOf finds the payload of a plan, or has it made.
func (p *publisher) payloadOf(ctx context.Context, whole plan.Plan) (*image.Image, Result, error) {
	result := Result{References: []string{whole.Deps.Image}}
	deps, made, err := p.findDeps(ctx, whole.Deps, p.payloadAnew(whole), len(whole.Runtimes) == 0)
	if err != nil {
		return nil, result, err
	}
	p.called.learn("payload", deps.DiffIDs(), whole.Deps.Layers)
	result.ID, result.Reused = deps.ID, !made
	if deps.Repository != nil {
		result.ID = deps.ConfigDigest()
	}
	return deps, result, nil
}

// depsNames are the names that a push gives to the payload.
func (p *publisher) depsNames(d plan.Deps, tag string, alone bool) []string {
	switch {
	case alone:
		return []string{p.Output.Compression.PayloadTag(d.Image)}
	case d.Repository != "":
		return []string{d.Repository + ":" + p.Output.Compression.PayloadTag(tag)}
	}
	var names []string
	registries := map[name.Registry]bool{}
	for _, repository := range p.repositories {
		if !registries[repository.Registry] {
			names = append(names, repository.Name()+":"+p.Output.Compression.PayloadTag(tag))
		}
		registries[repository.Registry] = true
	}
	return names
}

// keepDeps pushes the payload under those names that it does not have.
func (p *publisher) keepDeps(ctx context.Context, deps *image.Image, result *Result) error {
	var missing []string
	for _, ref := range result.References {
		if deps.Repository != nil && deps.Ref == ref {
			result.Digest = deps.ID
			continue
		}
		there, err := p.ask(ctx, ref)
		if err != nil {
			return err
		}
		if there != nil && deps.Repository != nil && there.ConfigDigest() == deps.ConfigDigest() && topCompression(there.Layers) == p.Output.Compression {
			result.Digest = there.ID
			continue
		}
		missing = append(missing, ref)
	}
	if len(missing) == 0 {
		p.Logf("the payload %s is there already", deps.Ref)
		return nil
	}
	p.Logf("the payload goes to %s, where the next image finds it; --deps-repository names another place", strings.Join(missing, " and "))
	whole, err := p.whole(ctx, deps, true)
	if err != nil {
		return err
	}
	result.Reused = false
	return p.push(ctx, whole, missing, result)
}

// findDeps finds the payload, or has it made: for a push in the registries
// that it goes to, else in the engine, else where it is compressed otherwise.
// With anew, it is made. Only a payload that is wanted alone is made for another
// architecture than the engine's: that may take very long.
func (p *publisher) findDeps(ctx context.Context, d plan.Deps, anew, alone bool) (found *image.Image, made bool, err error) {
	if d.Given {
		if found, err = p.obtain(ctx, "deps image", d.Image, p.near(d.Image)); err == nil {
			err = p.checkDeps(ctx, found)
		}
		return found, false, err
	}
	here, err := p.Engine.Image(ctx, d.Image)
	if err != nil {
		return nil, false, err
	}
	fits := here != nil && len(depsDiffer(d)(here.Labels(), here.Platform())) == 0
	if !anew && p.Pull != PullNever {
		for _, form := range p.Output.Compression.Preferred() {
			if fits && (form != p.Output.Compression || !p.Output.Push) {
				continue // the engine's is nearer
			}
			if found, err = p.askDeps(ctx, d, form); found != nil || err != nil {
				return found, false, err
			}
		}
	}
	if p.foreign() && !alone && !fits {
		return nil, false, p.noPayload(d)
	}
	info, result, err := p.here.deps(ctx, d, anew)
	return info, !result.Reused, err
}

// noPayload is the error of a payload for another architecture than the engine's
// that is nowhere.
func (p *publisher) noPayload(d plan.Deps) error {
	repository := "REPOSITORY"
	if named, err := reference.ParseNormalizedNamed(d.Image); err == nil && named.Name() != plan.DefaultRepository {
		repository = named.Name()
	} else if len(p.repositories) > 0 {
		repository = p.repositories[0].Name()
	}
	return problem.New(problem.NotFound, fmt.Sprintf("there is no payload for linux/%s: neither this engine nor a registry that is asked has %s", p.arch, d.Tag), nil,
		fmt.Sprintf("Make it once with 'docker openhands deps build --platform linux/%s --server %s --openhands-version %s --push --repository %s', and with what else chooses the payload, such as --with and --without; or leave that platform out",
			p.arch, d.Server, d.Version, repository))
}

// askDeps looks for the payload where images go, and in its own repository if
// the user named that.
func (p *publisher) askDeps(ctx context.Context, d plan.Deps, form image.Compression) (*image.Image, error) {
	return p.askFor(ctx, d, form, func(found *image.Image) bool {
		return len(depsDiffer(d)(found.Labels(), found.Platform())) == 0
	})
}

// askFor is askDeps for an image under the payload's names that is right.
func (p *publisher) askFor(ctx context.Context, d plan.Deps, form image.Compression, right func(*image.Image) bool) (*image.Image, error) {
	var refs []string
	for _, repository := range p.repositories {
		refs = append(refs, repository.Name()+":"+form.PayloadTag(d.Tag))
	}
	if p.joined != "" {
		for _, repository := range p.repositories {
			refs = append(refs, repository.Name()+":"+form.PayloadTag(p.joined))
		}
	}
	own := form.PayloadTag(d.Image)
	if ref, err := p.registry().Parse(own); err == nil && !slices.Contains(p.repositories, ref.Context()) && p.mayAsk(own) {
		refs = append(refs, own)
	}
	for _, ref := range refs {
		found, err := p.ask(ctx, ref)
		if err != nil {
			return nil, err
		}
		if found != nil && right(found) {
			return found, nil
		}
	}
	return nil, nil
}

// runtime implements target.
func (p *publisher) runtime(ctx context.Context, d plan.Deps, deps, base *image.Image, r plan.Runtime) (Result, error) {
	fitting, err := p.fitting(ctx, d, deps, base, r)
	if err != nil {
		return Result{}, err
	}
	if madeInEngine(r) {
		return p.built(ctx, d, fitting, base, r)
	}
	return p.assembled(ctx, fitting, base, r)
}

// assembled publishes an image without an engine's help; base is nil for
// scratch.
func (p *publisher) assembled(ctx context.Context, deps, base *image.Image, r plan.Runtime) (Result, error) {
	start := time.Now()
	result := Result{Base: r.Base, References: publishedNames(r)}
	if reused, err := p.published(ctx, inputs{r, deps, base}, &result); reused || err != nil {
		return result, err
	}
	made, err := p.assemble(ctx, deps, base, r)
	if err != nil {
		return result, err
	}
	err = p.put(ctx, made, &result)
	result.Seconds = time.Since(start).Seconds()
	return result, err
}

// assemble encodes the image that is made of deps and base, and finds its layers.
func (p *publisher) assemble(ctx context.Context, deps, base *image.Image, r plan.Runtime) (*image.Image, error) {
	p.tellWithout(r, base)
	made, err := p.compose(ctx, base, image.Recipe{Runtime: r, Labels: origin(deps, base), Arch: p.arch, Created: image.Created(base, deps), Logf: p.Logf}, deps)
	if err != nil {
		return nil, err
	}
	if len(made.Layers) > maxStack { // the base has a claim to the payload's folder
		return nil, tooDeep(r.Base, base)
	}
	layers, err := p.layers(ctx, deps, true)
	if err != nil {
		return nil, err
	}
	if base != nil {
		more, err := p.layers(ctx, base, false)
		if err != nil {
			return nil, err
		}
		layers = append(layers, more...)
	}
	made.Layers = inOrder(made.Layers, layers)
	return made.Encode()
}

// compose puts the image together, and reads of the base what that needs.
func (p *publisher) compose(ctx context.Context, base *image.Image, r image.Recipe, deps *image.Image) (made *image.Image, err error) {
	err = r.Retry(func(w image.Attempt) error {
		content, err := p.content(ctx, base, w)
		if err == nil {
			made, err = r.Compose(content, w, p.Output.Compression, func([]image.Layer) ([]image.Layer, error) { return image.OfEngine(deps.DiffIDs()), nil })
		}
		return err
	})
	return made, err
}

// inOrder takes for each layer that is not made here the first of the others
// with its diff ID.
func inOrder(made, others []image.Layer) []image.Layer {
	byID := map[digest.Digest]image.Layer{}
	for _, l := range others {
		if _, ok := byID[l.DiffID]; !ok {
			byID[l.DiffID] = l
		}
	}
	ordered := slices.Clone(made)
	for i, l := range made {
		if other, ok := byID[l.DiffID]; ok {
			// Of a base's layers it was proven while they were looked into.
			other.Proven = other.Proven || l.Proven && l.Descriptor.Digest == other.Descriptor.Digest
			ordered[i] = other
		}
	}
	return ordered
}

// madeInEngine reports whether making the image takes an engine: something runs.
func madeInEngine(r plan.Runtime) bool { return r.ExtraDeps != "" || r.Assemble == plan.AssembleNever }

// depsHere is the payload d as the engine has it, brought from where it was
// found if need be.
func (p *publisher) depsHere(ctx context.Context, d plan.Deps, found *image.Image) (*image.Image, error) {
	if found.Repository == nil {
		return found, nil
	}
	here, err := p.Engine.Image(ctx, d.Image)
	if err != nil {
		return nil, err
	}
	if here == nil && found.Ref != d.Image { // else it is found by its name
		pulled, err := p.take(ctx, "deps image", found.Ref, found, depsDiffer(d))
		if err == nil && pulled != nil {
			err = p.Engine.Tag(ctx, pulled.ID, []string{d.Image})
		}
		if err != nil {
			return nil, err
		}
	}
	here, _, err = p.here.deps(ctx, d, false)
	return here, err
}

// built publishes an image that an engine has to make.
func (p *publisher) built(ctx context.Context, d plan.Deps, found, base *image.Image, r plan.Runtime) (Result, error) {
	start := time.Now()
	var here *image.Image
	deps, err := p.depsHere(ctx, d, found)
	if err == nil && base != nil {
		here, err = p.here.base(ctx, r.Base)
	}
	if err != nil {
		return Result{}, err
	}
	result := Result{Base: r.Base, References: publishedNames(r)}
	if reused, err := p.published(ctx, inputs{r, deps, here}, &result); reused || err != nil {
		return result, err
	}
	if result, err = p.here.runtime(ctx, d, deps, here, r); err != nil {
		return result, err
	}
	info, err := p.Engine.Image(ctx, result.ID)
	if err == nil && info == nil {
		err = fmt.Errorf("the image %s was removed meanwhile", result.ID)
	}
	if err != nil {
		return result, err
	}
	named := *info
	named.Ref = r.Image
	whole, err := p.whole(ctx, &named, false)
	if err != nil {
		return result, err
	}
	result.References, result.Reused = publishedNames(r), false
	err = p.put(ctx, whole, &result)
	result.Seconds = time.Since(start).Seconds()
	return result, err
}

// put is the last step: nothing has been seen of the image before.
func (p *publisher) put(ctx context.Context, whole *image.Image, result *Result) error {
	result.ID = whole.ConfigDigest()
	if p.Output.Push {
		return p.push(ctx, whole, result.References, result)
	}
	return p.writeImage(ctx, whole, result)
}

// writeImage writes the archive of an image.
func (p *publisher) writeImage(ctx context.Context, whole *image.Image, result *Result) error {
	result.Digest = whole.Descriptor().Digest.String()
	return p.write(result, whole.LayersSize(), func(w io.Writer) error {
		return whole.WriteArchive(ctx, w, result.References, p.Output.Format)
	})
}

// write has write make the archive, with so many bytes of layers.
func (p *publisher) write(result *Result, size int64, write func(io.Writer) error) error {
	step := p.View().Step("writing " + result.References[0])
	written := step.Part("written", size)
	counted := func(w io.Writer) error { return write(io.MultiWriter(w, written)) }
	if p.Output.File == "-" {
		err := counted(p.Output.Stdout)
		step.End(err)
		return err
	}
	err := writeWhole(p.blobs.lease, p.Output.File, counted)
	step.End(err)
	if err != nil {
		return err
	}
	p.Logf("%s is written to %s", result.References[0], p.Output.File)
	return nil
}

// standing is what has to be known of an image that has a name which images are
// pushed to.
type standing struct {
	id, config string // digests of manifest and configuration
	labels     map[string]string
	platform   string
	top        image.Compression // of its uppermost layer
}

// look asks for what has a name, nil where nothing has it.
func (p *publisher) look(ctx context.Context, ref string) (*standing, error) {
	found, err := p.find(ctx, ref)
	if err != nil || found == nil {
		return nil, err
	}
	return standingOf(found), nil
}

func standingOf(found *image.Image) *standing {
	return &standing{found.ID, found.ConfigDigest(), found.Labels(), found.Platform(), topCompression(found.Layers)}
}

// lookAhead is look whose answer stands for that of lookAgain.
func (p *publisher) lookAhead(ctx context.Context, ref string) (*standing, error) {
	there, err := p.look(ctx, ref)
	if err == nil {
		p.lock.Lock()
		defer p.lock.Unlock()
		p.standing[ref] = there
	}
	return there, err
}

// lookAgain is look, but the first time after lookAhead.
func (p *publisher) lookAgain(ctx context.Context, ref string) (*standing, error) {
	p.lock.Lock()
	there, known := p.standing[ref]
	delete(p.standing, ref)
	p.lock.Unlock()
	if known {
		return there, nil
	}
	return p.look(ctx, ref)
}

// published reports whether a registry has the image under all of its names, made
// from the same inputs.
func (p *publisher) published(ctx context.Context, in inputs, result *Result) (bool, error) {
	if !p.Output.Push || p.ForceRebuild {
		return false, nil
	}
	for i, ref := range result.References {
		found, err := p.lookAgain(ctx, ref)
		if err != nil || found == nil {
			return false, err
		}
		if !p.current(in, found) || i > 0 && found.id != result.Digest {
			return false, nil
		}
		result.ID, result.Digest = found.config, found.id
	}
	result.Reused = true
	p.Logf("image %s is there already", result.References[0])
	return true, nil
}

// current reports whether an image of a registry is the one that would be pushed.
func (p *publisher) current(in inputs, found *standing) bool {
	return len(in.differs(found.labels, found.platform)) == 0 && found.top == p.Output.Compression
}

// topCompression is that of the uppermost layer, "" where there is none.
func topCompression(layers []image.Layer) image.Compression {
	if len(layers) == 0 {
		return ""
	}
	return layers[len(layers)-1].Compression()
}
