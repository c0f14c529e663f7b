package builder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/traditional"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Traditional is an image over one base that is built from the Dockerfile in
// OpenHands' own sources.
type Traditional struct {
	Source *traditional.Source
	Names  traditional.Names
	Base   string
	Tags   []string // further references, which move to the image

	Browser      bool
	ExtraDeps    string // shell command
	ChannelAlias string
	Platform     string   // empty: the engine's
	BuildArgs    []string // further arguments of "docker buildx build"
	StrictTags   bool     // an image that was made from something else is not used
}

// Dockerfile is the image's where it starts from another image.
func (t Traditional) Dockerfile(from string, start traditional.Start) (string, error) {
	return t.Source.Dockerfile(traditional.Parameters{
		From: from, Start: start, ExtraDeps: t.ExtraDeps, Browser: t.Browser, ChannelAlias: t.ChannelAlias,
	})
}

// TraditionalPlan is a decision and the Dockerfile that follows from it.
type TraditionalPlan struct {
	traditional.Decision
	Dockerfile string // empty where nothing is built
}

// PlanTraditional decides how to come to the image. Only with pull are images
// that the engine lacks pulled; else their registry is asked for them.
//
// An image with the source tag is used only where the engine has it: one in a
// registry may have been made with other extra dependencies, which are not
// part of its tag. What is built on top of a pulled one gets its own.
func (b *Builder) PlanTraditional(ctx context.Context, t Traditional, pull bool) (TraditionalPlan, error) {
	held, err := b.held(ctx, t.Names, pull)
	if err != nil {
		return TraditionalPlan{}, err
	}
	p := TraditionalPlan{Decision: t.Names.Decide(t.Base, held, b.ForceRebuild)}
	if err := b.compare(ctx, t, p.Decision); err != nil {
		return TraditionalPlan{}, err
	}
	if p.Build {
		p.Dockerfile, err = t.Dockerfile(p.From, p.Start)
	}
	return p, err
}

// held looks for those images that matter to the decision.
func (b *Builder) held(ctx context.Context, n traditional.Names, pull bool) (held traditional.Held, err error) {
	here := func(tag string) (bool, error) {
		found, err := b.Engine.Image(ctx, n.Reference(tag))
		return found != nil, err
	}
	anywhere := func(tag string) (bool, error) {
		if found, err := here(tag); found || err != nil {
			return found, err
		}
		return b.fromRegistry(ctx, n.Reference(tag), pull)
	}
	if held.Source, err = here(n.Source); err != nil || held.Source && !b.ForceRebuild {
		return held, err
	}
	if b.ForceRebuild { // nothing is built upon
		anywhere = here
	}
	if held.Lock, err = anywhere(n.Lock); err != nil || held.Lock && !b.ForceRebuild {
		return held, err
	}
	held.Versioned, err = anywhere(n.Versioned)
	return held, err
}

// fromRegistry reports whether a registry has the image, which is then in the
// engine if pull is set. A registry that does not answer has none.
func (b *Builder) fromRegistry(ctx context.Context, ref string, pull bool) (bool, error) {
	var err error
	if pull {
		_, err = b.native().pull(ctx, "earlier image", ref)
	} else {
		_, err = b.Engine.ManifestDigest(ctx, ref, b.CLI.ConfigFile())
	}
	if err != nil && ctx.Err() == nil {
		if !cerrdefs.IsNotFound(err) {
			b.Logf("going on without %s: %v", ref, problem.Cause(err))
		}
		return false, nil
	}
	return err == nil, err
}

// compare says what an image that is used was made from and is asked for
// differently now, although its tag is the same.
func (b *Builder) compare(ctx context.Context, t Traditional, d traditional.Decision) error {
	ref := d.From
	if !d.Build {
		ref = t.Names.Reference(t.Names.Source)
	} else if d.Start == traditional.FromScratch {
		return nil
	}
	used, err := b.Engine.Image(ctx, ref)
	if err != nil || used == nil {
		return err
	}
	record, err := b.record(ctx, t)
	if err != nil {
		return err
	}
	differs := record.Differs(used.Labels(), used.Platform())
	if len(differs) == 0 {
		return nil
	}
	what := fmt.Sprintf("%s has the right tag, but was made differently (%s)", ref, strings.Join(differs, ", "))
	const next = "Build the image anew with --force-rebuild, after 'docker rmi' of the tags that shall move to it"
	if t.StrictTags {
		return problem.New(problem.TagReused, what, nil, next)
	}
	b.Logf("note: %s. %s.", what, next)
	return nil
}

// record is what the image is asked to be made from.
func (b *Builder) record(ctx context.Context, t Traditional) (traditional.Record, error) {
	r := traditional.Record{Platform: "linux/" + b.Engine.Arch, ExtraDeps: t.ExtraDeps, BuildArgs: t.BuildArgs}
	if parts := strings.Split(t.Platform, "/"); len(parts) > 1 {
		r.Platform = parts[0] + "/" + parts[1]
	}
	base, err := b.Engine.Image(ctx, t.Base)
	if base != nil {
		r.BaseDigest = base.DistributionDigest()
	}
	return r, err
}

// CheckTraditional refuses names that images would take from others that are not
// ours, before any is made.
func (b *Builder) CheckTraditional(ctx context.Context, images []Traditional) error {
	for _, t := range images {
		for _, name := range t.Tags {
			if _, err := b.holder(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// Traditional makes each of the images, unless it is there. One that cannot be
// made keeps no other from being made. Results are those of all images that were
// tried, also where it ends with an error.
func (b *Builder) Traditional(ctx context.Context, images []Traditional) (results []Result, err error) {
	if err := b.CheckTraditional(ctx, images); err != nil {
		return nil, err
	}
	var failed failures
	for i, t := range images {
		if n := len(images); n > 1 {
			b.Logf("%d of %d: the image over %s", i+1, n, t.Base)
		}
		result, err := b.traditional(ctx, t)
		if err == nil {
			results = append(results, result)
			continue
		}
		if stops(ctx, err) || len(images) == 1 {
			return results, err
		}
		failed = append(failed, failure{t.Base, err})
		result.References, result.Failure = append([]string{t.Names.Reference(t.Names.Source)}, t.Tags...), problemOf(ctx, err)
		results = append(results, result)
		b.Logf("going on without the image over %s: %v", t.Base, err)
	}
	return results, failed.err(len(images))
}

func (b *Builder) traditional(ctx context.Context, t Traditional) (Result, error) {
	start := time.Now()
	result := Result{Kind: KindTraditional, Base: t.Base, Server: payload.ActionExecutionServer, Platform: cmp.Or(t.Platform, "linux/"+b.Engine.Arch)}
	p, err := b.PlanTraditional(ctx, t, true)
	if err != nil {
		return result, err
	}
	if !p.Build {
		ref := t.Names.Reference(t.Names.Source)
		b.Logf("%s is there already", ref)
		found, err := b.Engine.Image(ctx, ref)
		if err == nil && found == nil {
			err = fmt.Errorf("the image %s was removed meanwhile", ref)
		}
		if err != nil {
			return result, err
		}
		result.ID, result.Reused, result.References = found.ID, true, append([]string{ref}, t.Tags...)
		return result, b.Engine.Tag(ctx, found.ID, t.Tags)
	}
	for _, tag := range p.Tags {
		result.References = append(result.References, t.Names.Reference(tag))
	}
	result.References = append(result.References, t.Tags...)
	b.Logf("building %s from %s (%s)", t.Names.Reference(t.Names.Source), p.From, p.Start)
	built, err := b.buildTraditional(ctx, t, p, result.References)
	if err != nil {
		return result, err
	}
	result.ID, result.Seconds = built.ID, time.Since(start).Seconds()
	if len(result.References) == 0 {
		b.Logf("the tags stay with the images that have them; the new image is %s", built.ID)
		result.References = []string{built.ID}
	}
	return result, nil
}

// buildTraditional runs buildx in the engine itself: another builder would not
// see the images that only the engine has. The selected builder stays
// selected. The build gives all references at its end, or none.
func (b *Builder) buildTraditional(ctx context.Context, t Traditional, p TraditionalPlan, refs []string) (_ *image.Image, err error) {
	native := t.Platform == "" || t.Platform == "linux/"+b.Engine.Arch
	if p.Start == traditional.FromScratch && native {
		if err := b.fetchBase(ctx, t.Base); err != nil {
			return nil, err
		}
	}
	record, err := b.record(ctx, t)
	if err != nil {
		return nil, err
	}
	lease := b.Engine.Lease()
	defer func() { err = errors.Join(err, lease.End()) }()
	dir, err := lease.Folder()
	if err != nil {
		return nil, fmt.Errorf("making the build context: %w", err)
	}
	folder, idFile := filepath.Join(dir, "context"), filepath.Join(dir, "id")
	if err := os.Mkdir(folder, 0o755); err != nil {
		return nil, fmt.Errorf("making the build context: %w", err)
	}
	if err := t.Source.WriteContext(folder, p.Dockerfile); err != nil {
		return nil, err
	}

	args := []string{"build", "--builder", b.CLI.CurrentContext(), "--load", "--iidfile", idFile,
		"--build-arg", "OPENHANDS_RUNTIME_VERSION=" + t.Source.Version(),
		"--build-arg", "OPENHANDS_RUNTIME_BUILD_TIME=" + time.Now().Format("2006-01-02T15:04:05.000000"),
	}
	recorded, err := record.Labels(p.Start)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(recorded)) {
		args = append(args, "--label", name+"="+recorded[name])
	}
	for _, ref := range refs {
		args = append(args, "--tag", ref)
	}
	if t.Platform != "" {
		args = append(args, "--platform", t.Platform)
	}
	if b.NoCache {
		args = append(args, "--no-cache")
	}
	args = append(args, t.BuildArgs...)
	if err := b.buildx().Run(ctx, dir, append(args, folder)...); err != nil {
		return nil, err
	}
	id, err := os.ReadFile(idFile)
	if err != nil {
		return nil, fmt.Errorf("finding the image that was built: %w", err)
	}
	built, err := b.Engine.Image(ctx, strings.TrimSpace(string(id)))
	if err == nil && built == nil {
		err = problem.New(problem.BuildFailed, fmt.Sprintf("buildx ended well, but the engine has no image %s", id), nil,
			"Leave out extra build arguments that send the image elsewhere")
	}
	return built, err
}

// fetchBase sees to a base in the engine, so that its digest is known.
func (b *Builder) fetchBase(ctx context.Context, ref string) error {
	found, err := b.Engine.Image(ctx, ref)
	if err != nil {
		return err
	}
	if found == nil {
		_, err = b.native().pull(ctx, "base image", ref)
		return err
	}
	return b.native().checkArch("base image", ref, found)
}

// TraditionalFolder prepares the folder dir for a build by other means: the
// build context, where there is something to build, and the tags in config.sh.
func (b *Builder) TraditionalFolder(ctx context.Context, t Traditional, dir string) (TraditionalPlan, error) {
	p, err := b.PlanTraditional(ctx, t, true)
	if err != nil {
		return p, err
	}
	if p.Build {
		if err := t.Source.WriteContext(dir, p.Dockerfile); err != nil {
			return p, err
		}
	} else {
		b.Logf("%s is there already: nothing is prepared (--force-rebuild does it nevertheless)", t.Names.Reference(t.Names.Source))
	}
	return p, t.Names.AppendConfig(dir)
}
