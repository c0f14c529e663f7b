// Package builder carries a plan out: stage 1 by buildx, stage 2 by putting
// layers together that an engine already holds.
package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/buildx"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"

	"github.com/docker-openhands/docker-openhands/cli-plugin/registry"

	"github.com/docker-openhands/docker-openhands/cli-plugin/fingerprint"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker/cli/cli/command"
	"github.com/moby/buildkit/util/progress/progressui"
)

// Builder builds into one engine.
type Builder struct {
	Engine *engine.Engine
	CLI    command.Cli // its configuration: credentials, context, plugins

	Log      io.Writer // progress, for a person
	Progress progressui.DisplayMode

	NoCache       bool              // stage 1 does not use BuildKit's cache
	ForceRebuild  bool              // images that exist are not reused
	Pull          PullPolicy        // of images that exist somewhere; empty: PullMissing
	Offline       bool              // with PullNever: nothing is built that needs a network
	PackageConfig map[string]string // files for package managers, see HostSecrets
	Output        *Output           // nil: images are loaded into the engine

	client *registry.Client // see registry
}

// Result is one image that a plan asked for.
type Result struct {
	Base       string            `json:"base,omitempty"` // empty: the deps image
	References []string          `json:"references"`     // never empty: the ID stands for the names of an image that got none
	ID         string            `json:"id"`
	Reused     bool              `json:"reused"` // it was there before
	Seconds    float64           `json:"seconds"`
	Digest     string            `json:"digest,omitempty"` // of the manifest that was pushed or written
	Traffic    *registry.Traffic `json:"push,omitempty"`   // of a push
}

// Build makes every image of the plan, the deps image first. An image that is
// there already and was made from the same inputs is reused. Results are those
// of the images that are finished, also where it ends with an error.
func (b *Builder) Build(ctx context.Context, p plan.Plan) ([]Result, error) {
	if b.Output != nil {
		results, err := b.publish(ctx, p)
		return results, problem.Classify(ctx, err)
	}
	// A base that cannot be had is found out before minutes go into stage 1.
	bases := make([]*image.Image, len(p.Runtimes))
	for i, r := range p.Runtimes {
		base, err := b.base(ctx, r.Base)
		if err != nil {
			return nil, problem.Classify(ctx, err)
		}
		bases[i] = base
	}
	deps, result, err := b.deps(ctx, p.Deps)
	if err != nil {
		return nil, problem.Classify(ctx, err)
	}
	results := []Result{result}
	for i, r := range p.Runtimes {
		result, err := b.runtime(ctx, deps, bases[i], r)
		if err != nil {
			return results, problem.Classify(ctx, err)
		}
		results = append(results, result)
	}
	return results, nil
}

// Logf says a line of progress, for a person.
func (b *Builder) Logf(format string, args ...any) {
	if b.Progress != progressui.QuietMode && b.Progress != progressui.RawJSONMode {
		fmt.Fprintln(b.Log, terminal.Line(fmt.Sprintf(format, args...)))
	}
}

// buildx is how the builder builds.
func (b *Builder) buildx() *buildx.Client {
	return &buildx.Client{CLI: b.CLI, EngineID: b.Engine.ID, Log: b.Log, Progress: b.Progress}
}

// registry is how the builder talks to registries.
func (b *Builder) registry() *registry.Client {
	if b.client == nil {
		b.client = &registry.Client{Config: b.CLI.ConfigFile(), Insecure: b.Engine.Insecure, Arch: b.Engine.Arch, Logf: b.Logf}
	}
	return b.client
}

// deps sees to the deps image.
func (b *Builder) deps(ctx context.Context, d plan.Deps) (*image.Image, Result, error) {
	start := time.Now()
	result := Result{References: []string{d.Image}}
	var found *image.Image
	var err error
	if d.Given {
		if found, err = b.get(ctx, "deps image", d.Image); err == nil {
			_, err = b.Engine.Manifest(ctx, d.Image, found)
		}
	} else {
		unlock, lockErr := b.lock(ctx, d.Image)
		if lockErr != nil {
			return nil, result, lockErr
		}
		defer unlock()
		if found, err = b.reuse(ctx, "deps image", d.Image, depsDiffer(d)); found == nil && err == nil && b.Engine.Containerd {
			// Other engines may not be able to pull it.
			if found, err = b.reuse(ctx, "deps image", image.Zstd.PayloadTag(d.Image), depsDiffer(d)); found != nil {
				err = b.Engine.Tag(ctx, found.ID, []string{d.Image})
			}
		}
	}
	if err != nil {
		return nil, result, err
	}
	result.Reused = found != nil
	if found == nil {
		if found, err = b.stage1(ctx, d); err != nil {
			return nil, result, err
		}
	}
	if err := b.checkArch("deps image", d.Image, found); err != nil {
		return nil, result, err
	}
	result.ID, result.Seconds = found.ID, time.Since(start).Seconds()
	return found, result, nil
}

// depsDiffer says what keeps an image from being the payload d.
func depsDiffer(d plan.Deps) func(have map[string]string, platform string) []string {
	return func(have map[string]string, platform string) (changed []string) {
		if have[payload.LabelKind] != payload.KindDeps || have[payload.LabelDepsTag] != d.Tag {
			changed = append(changed, "payload")
		}
		if platform != "linux/"+d.Arch {
			changed = append(changed, "platform")
		}
		return changed
	}
}

func (b *Builder) checkArch(what, ref string, found *image.Image) error {
	if found.Config.OS == "linux" && found.Config.Architecture == b.Engine.Arch {
		return nil
	}
	return problem.New(problem.Platform,
		fmt.Sprintf("the %s %s is for %s/%s, but the engine runs linux/%s", what, ref, found.Config.OS, found.Config.Architecture, b.Engine.Arch), nil,
		fmt.Sprintf("Pull the right one with 'docker pull --platform linux/%s %s', or choose another image", b.Engine.Arch, ref))
}

// stage1 builds the deps image and checks what came out.
func (b *Builder) stage1(ctx context.Context, d plan.Deps) (*image.Image, error) {
	if b.Offline {
		return nil, problem.New(problem.NotFound, fmt.Sprintf("the deps image %s is not in the engine, and cannot be built without a network", d.Image), nil,
			"Leave --offline out, bring the image in with 'docker load', or name one that is there with --deps-image; 'docker openhands ls' shows them")
	}
	if b.Engine.Absent != nil {
		return nil, problem.New(problem.NoEngine, fmt.Sprintf("no registry has the deps image %s, and no engine answers that could build it", d.Image), problem.Cause(b.Engine.Absent),
			"Start an engine, or name a registry that has the payload with --repository or --deps-image")
	}
	b.Logf("building deps image %s", d.Image)
	secrets, err := buildx.HostSecrets(b.PackageConfig)
	if err != nil {
		return nil, err
	}
	target := buildx.Target{Files: d.Context, Dockerfile: d.Dockerfile, Tags: []string{d.Image}, Secrets: secrets, NoCache: b.NoCache}
	if settings := buildx.IndexSettings(secrets); settings != "" {
		target.Texts = map[string]string{buildx.SettingsSecret: settings}
	}
	if err := b.buildx().Bake(ctx, target); err != nil {
		return nil, err
	}
	built, err := b.Engine.Image(ctx, d.Image)
	if err != nil {
		return nil, err
	}
	if built == nil {
		return nil, problem.New(problem.BuildFailed, fmt.Sprintf("buildx ended well, but the engine has no image %s", d.Image), nil,
			"Select a builder that loads its images into the engine: 'docker buildx use default'")
	}
	if _, err := b.Engine.Manifest(ctx, d.Image, built); err != nil {
		return nil, errors.Join(err, b.Engine.Untag(ctx, d.Image))
	}
	return built, nil
}

// runtime sees to one runtime image; base is nil for scratch.
func (b *Builder) runtime(ctx context.Context, deps, base *image.Image, r plan.Runtime) (Result, error) {
	start := time.Now()
	result := Result{Base: r.Base, References: r.References()}
	deps, err := b.fitting(ctx, deps, base, r)
	if err != nil {
		return result, err
	}
	unlock, err := b.lock(ctx, r.Image)
	if err != nil {
		return result, err
	}
	defer unlock()
	existing, err := b.reuse(ctx, "image", r.Image, inputs{r, deps, base}.differs)
	if err != nil {
		return result, err
	}
	if existing != nil {
		result.ID, result.Reused = existing.ID, true
		return result, b.Engine.Tag(ctx, existing.ID, r.Tags)
	}
	if result.ID, err = b.make(ctx, r, deps, base, origin(deps, base)); err != nil {
		return result, err
	}
	result.Seconds = time.Since(start).Seconds()
	b.Logf("%s made in %.1f s", r.Image, result.Seconds)
	return result, nil
}

// origin are the labels that say what an image was made from.
func origin(deps, base *image.Image) map[string]string {
	from := map[string]string{
		payload.LabelDepsDigest:            deps.ID,
		payload.LabelBaseDigest:            "",
		"org.opencontainers.image.created": image.Created(base, deps).Format(time.RFC3339),
	}
	if base != nil {
		from[payload.LabelBaseDigest] = base.ID
		from[labelOCIBaseDigest] = base.DistributionDigest()
	}
	for _, label := range []string{payload.LabelComponents, payload.LabelVariant, payload.LabelInputs} {
		if value := deps.Labels()[label]; value != "" {
			from[label] = value
		}
	}
	return from
}

// base returns the base image from the engine or a registry; nil for scratch.
func (b *Builder) base(ctx context.Context, ref string) (*image.Image, error) {
	if ref == plan.Scratch {
		return nil, nil
	}
	found, err := b.get(ctx, "base image", ref)
	if err != nil {
		return nil, err
	}
	return found, b.checkBase(ref, found)
}

// checkBase refuses what nothing can be built over.
func (b *Builder) checkBase(ref string, found *image.Image) error {
	if kind := found.Labels()[payload.LabelKind]; kind != "" {
		next := "Use the image that it was made over: " + found.Labels()[payload.LabelBaseName]
		if kind == payload.KindDeps {
			next = "Name it with --deps-image, and with --base an image that shall get the payload, for example alpine:3.20"
		}
		return problem.New(problem.BaseConflict, fmt.Sprintf("the base %s is itself a %s image of OpenHands", ref, kind), nil, next)
	}
	return errors.Join(b.checkArch("base image", ref, found), b.checkDepth(ref, found))
}

// make makes the image and, when it is whole, gives it its names.
func (b *Builder) make(ctx context.Context, r plan.Runtime, deps, base *image.Image, origin map[string]string) (_ string, err error) {
	b.tellWithout(r, base)
	if r.ExtraDeps != "" {
		if origin[payload.LabelExtraDeps], err = fingerprint.New(r.ExtraDeps); err != nil {
			return "", err
		}
	}
	if r.Assemble == plan.AssembleNever {
		return b.fromDockerfile(ctx, r, deps, base, origin)
	}
	lease := b.Engine.Lease()
	defer func() { err = errors.Join(err, lease.End()) }()
	id, err := assembly{
		Recipe: image.Recipe{Runtime: r, Labels: origin, Arch: b.Engine.Arch, Created: image.Created(base, deps), Logf: b.Logf},
		engine: b.Engine, deps: deps, base: base, announce: lease.Image,
	}.run(ctx)
	var refused *engine.RefusedError
	if errors.As(err, &refused) && ctx.Err() == nil && !full(err) {
		b.Logf("the engine refused the assembled image (%v): building its Dockerfile form", err)
		return b.fromDockerfile(ctx, r, deps, base, origin)
	}
	if err != nil {
		return "", err
	}
	made := id
	if r.ExtraDeps == "" {
		err = b.Engine.Tag(ctx, id, r.References())
	} else {
		made, err = b.extraDeps(ctx, r, id)
	}
	if err != nil {
		return "", errors.Join(err, b.Engine.RemoveNameless(ctx, id))
	}
	return made, nil
}

// full tells whether an error is about a full disk, which another way of
// building does not help.
func full(err error) bool {
	var p *problem.Error
	return errors.As(problem.Classify(context.Background(), err), &p) && p.Code == problem.DiskFull
}

// LocalDeps describes a deps image of the engine, nil where it has none.
func LocalDeps(ctx context.Context, e *engine.Engine, ref string) (*plan.DepsImage, error) {
	found, err := e.Image(ctx, ref)
	if err != nil || found == nil {
		return nil, err
	}
	return depsImage(ref, found), nil
}

// FindDeps describes the deps image ref, pulled where the engine lacks it.
func (b *Builder) FindDeps(ctx context.Context, ref string) (*plan.DepsImage, error) {
	if b.Output != nil {
		found, err := b.obtain(ctx, "deps image", ref)
		if err != nil {
			return nil, err
		}
		return depsImage(ref, found), nil
	}
	found, err := b.get(ctx, "deps image", ref)
	if err != nil {
		return nil, err
	}
	return depsImage(ref, found), nil
}

func depsImage(ref string, found *image.Image) *plan.DepsImage {
	all := found.Labels()
	return &plan.DepsImage{Ref: ref, Tag: all[payload.LabelDepsTag], Version: all[payload.LabelVersion], Server: all[payload.LabelServer]}
}

// tellWithout says which settings of its base an image is without.
func (b *Builder) tellWithout(r plan.Runtime, base *image.Image) {
	if base == nil {
		return
	}
	_, without := image.Inherited(r, base.Config.Config)
	for _, line := range without {
		b.Logf("not taken over of the base %s: %s", r.Base, line)
	}
}

// Find describes the image ref, pulled where the engine lacks it.
func (b *Builder) Find(ctx context.Context, ref string) (*image.Image, error) {
	found, err := b.get(ctx, "image", ref)
	return found, problem.Classify(ctx, err)
}

// Local describes the image ref, nil where the engine lacks it.
func (b *Builder) Local(ctx context.Context, ref string) (*image.Image, error) {
	found, err := b.Engine.Image(ctx, ref)
	return found, problem.Classify(ctx, err)
}

// Obtain describes the image ref, pulled only where the engine lacks it.
func (b *Builder) Obtain(ctx context.Context, ref string) (*image.Image, error) {
	found, err := b.Engine.Image(ctx, ref)
	if err == nil && found == nil {
		found, err = b.pull(ctx, "image", ref)
	}
	return found, problem.Classify(ctx, err)
}
