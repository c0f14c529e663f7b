// Package builder carries a plan out: stage 1 by buildx, stage 2 by putting
// layers together that an engine already holds.
package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/buildx"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/progress"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry"
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

	Arch          string            // of the images, GOARCH form; empty: that of the engine
	NoCache       bool              // stage 1 does not use BuildKit's cache
	ForceRebuild  bool              // runtime images that exist are not reused; a payload that is built alone is not, either
	Pull          PullPolicy        // of images that exist somewhere; empty: PullMissing
	Offline       bool              // with PullNever: nothing is built that needs a network
	PackageConfig map[string]string // files for package managers, see HostSecrets
	Output        *Output           // nil: images are loaded into the engine
	Jobs          int               // images that are made at a time; 0: one
	Retries       int               // further tries for an image whose registry fails for a while
	TimeLimit     time.Duration     // for an image whose base is found, all tries together; 0: none
	Terse         bool              // of images no more is said than what Each is told
	Each          func(Result)      // is told of each image once nothing more comes of it, one at a time; nil: nobody is

	once   lazies
	client *registry.Client // see registry
	shown  *progress.View   // see View
}

// lazies has what is made when it is first needed made once.
type lazies struct{ client, shown sync.Once }

// The kinds of results.
const (
	KindDeps        = payload.KindDeps
	KindRuntime     = payload.KindRuntime
	KindTraditional = "traditional"
)

// Result is one image that a plan asked for.
type Result struct {
	Kind       string            `json:"kind"`                 // deps, which is the payload, runtime or traditional
	Base       string            `json:"base,omitempty"`       // empty: the deps image
	BaseDigest string            `json:"baseDigest,omitempty"` // by which the base's registry knows it, or its ID where it never was in one
	References []string          `json:"references"`           // never empty: the ID stands for the names of an image that got none
	ID         string            `json:"id,omitempty"`         // of an index its digest
	Server     string            `json:"server,omitempty"`     // profile; empty: not known of a payload that was chosen by name
	Platform   string            `json:"platform,omitempty"`   // for example linux/amd64; of an index all of them, with commas
	Manifests  []Manifest        `json:"manifests,omitempty"`  // of an index, one a platform
	Reused     bool              `json:"reused"`               // it was there before
	Seconds    float64           `json:"seconds"`
	Digest     string            `json:"digest,omitempty"`        // of the manifest that was pushed or written
	Traffic    *registry.Traffic `json:"push,omitempty"`          // of a push
	Up         int64             `json:"sentBytes,omitempty"`     // to registries for a runtime image, failed tries included
	Down       int64             `json:"receivedBytes,omitempty"` // from registries for a runtime image
	Failure    *problem.Error    `json:"error,omitempty"`         // why there is no such image; it has no ID then
}

// describe says what is the same for all images of a plan.
func (r *Result) describe(p plan.Plan) {
	r.Server, r.Platform, r.Kind = p.Deps.Server, p.Platform(), KindRuntime
	if r.Base == "" {
		r.Kind = KindDeps
	}
}

// names are those that a runtime image gets where it goes.
func (b *Builder) names(r plan.Runtime) []string {
	if b.Output != nil {
		return publishedNames(r)
	}
	return r.References()
}

// View is where progress is shown.
func (b *Builder) View() *progress.View {
	b.once.shown.Do(func() { b.shown = progress.New(b.Log, b.Progress) })
	return b.shown
}

// Logf says a line of progress, for a person.
func (b *Builder) Logf(format string, args ...any) {
	if !b.Terse {
		b.View().Logf(format, args...)
	}
}

// buildx is how the builder builds.
func (b *Builder) buildx() *buildx.Client {
	return &buildx.Client{CLI: b.CLI, EngineID: b.Engine.ID, View: b.View()}
}

// registry is how the builder talks to registries.
func (b *Builder) registry() *registry.Client {
	b.once.client.Do(func() {
		b.client = &registry.Client{Config: b.CLI.ConfigFile(), Insecure: b.Engine.Insecure, Logf: b.Logf,
			Pausing: func(host string, pause time.Duration) { b.View().Logf("%s wants a pause of %s", host, pause) }}
	})
	return b.client
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

// checkBase refuses what nothing can be built over.
func (f finder) checkBase(ref string, found *image.Image) error {
	if kind := found.Labels()[payload.LabelKind]; kind != "" {
		next := "Use the image that it was made over: " + found.Labels()[payload.LabelBaseName]
		switch {
		case kind == payload.KindRuntime && problem.SameName(ref, found.Labels()[payload.LabelBaseName]):
			next = "It has taken the name of the base that it was made over. Give that one its name back: 'docker pull " + ref + "'"
			if id := found.Labels()[payload.LabelBaseDigest]; id != "" {
				next += ", or 'docker tag " + id + " " + ref + "' where no registry has it"
			}
		case kind == payload.KindDeps:
			next = "Name it with --deps-image, and with --base an image that shall get the payload, for example alpine:3.20"
		}
		return problem.New(problem.BaseConflict, fmt.Sprintf("the base %s is itself a %s image of OpenHands", ref, kind), nil, next)
	}
	return errors.Join(f.checkArch("base image", ref, found), f.checkDepth(ref, found))
}

// LocalDeps describes a deps image of the engine, nil where it has none.
func LocalDeps(ctx context.Context, e *engine.Engine, ref string) (*plan.DepsImage, error) {
	found, err := e.Image(ctx, ref)
	if err != nil || found == nil {
		return nil, err
	}
	return depsImage(ref, found), nil
}

// FindDeps describes the deps image ref for an architecture of GOARCH form, pulled
// where the engine lacks it and needs it.
func (b *Builder) FindDeps(ctx context.Context, ref, arch string) (*plan.DepsImage, error) {
	f := finder{b, arch}
	if b.Output != nil {
		found, err := f.obtain(ctx, "deps image", ref, false)
		if err != nil {
			return nil, err
		}
		return depsImage(ref, found), nil
	}
	found, err := f.get(ctx, "deps image", ref)
	if err != nil {
		return nil, err
	}
	return depsImage(ref, found), nil
}

func depsImage(ref string, found *image.Image) *plan.DepsImage {
	all := payload.ReadLabels(found.Labels())
	return &plan.DepsImage{Ref: ref, Tag: all.DepsTag, Version: all.Version, Server: all.Server}
}

// Find describes the image ref, pulled where the engine lacks it.
func (b *Builder) Find(ctx context.Context, ref string) (*image.Image, error) {
	return b.native().get(ctx, "image", ref)
}

// Local describes the image ref, nil where the engine lacks it.
func (b *Builder) Local(ctx context.Context, ref string) (*image.Image, error) {
	return b.Engine.Image(ctx, ref)
}

// Describe describes the image ref of the engine or, unpulled, of its registry.
func (b *Builder) Describe(ctx context.Context, ref string) (*image.Image, error) {
	found, err := b.Engine.Image(ctx, ref)
	if err != nil || found != nil {
		return found, err
	}
	parsed, err := b.registry().Parse(ref)
	if err == nil {
		found, err = b.registry().Describe(ctx, parsed, b.Engine.Arch)
	}
	if err != nil && ctx.Err() == nil {
		err = b.suggest(ctx, ref, registry.PullProblem(registry.ThisMachine, "image", ref, err))
	}
	return found, err
}

// Obtain describes the image ref, pulled only where the engine lacks it.
func (b *Builder) Obtain(ctx context.Context, ref string) (*image.Image, error) {
	found, err := b.Engine.Image(ctx, ref)
	if err == nil && found == nil {
		found, err = b.native().pull(ctx, "image", ref)
	}
	return found, err
}
