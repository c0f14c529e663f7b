package migrate

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/request"
	"github.com/docker-openhands/docker-openhands/cli-plugin/sandbox"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/templates"
)

// Move is from a traditional image to one of two stages, in one engine.
type Move struct {
	Builder   *builder.Builder
	Request   request.Request // of the new image; Compare adds the base and the version where it has none
	BaseFrom  string          // who chose its base
	Image     string          // the traditional one; empty: findFormer looks for it
	BuildArgs []string        // that the traditional build was given
	Platform  string          // that was asked for; empty: any
	Forced    bool            // each traditional build was made anew

	Configured bool   // something says that there is an installation to move, be there an image or not
	File       string // that would have said so, for messages

	former formerImage
}

// Compare finds the traditional image, if there is one, and reports what differs
// in the new one and whether extra dependencies will work. It builds nothing.
func (m *Move) Compare(ctx context.Context) (r Report, err error) {
	options := &m.Request.Options
	if len(options.Bases) > 1 {
		return r, problem.New(problem.Usage, fmt.Sprintf("there are %d bases, but one image moves at a time", len(options.Bases)), nil, "Name one base")
	}
	components, err := templates.Components()
	if err != nil {
		return r, err
	}
	known, _ := templates.Releases(components, options.Server)
	m.former, err = findFormer(ctx, m.Builder, wanted{
		Image: m.Image, Base: cmp.Or(options.Bases...), BaseFrom: m.BaseFrom,
		Version: options.Version, Known: known, Repository: options.Repository,
	})
	if err != nil {
		return r, err
	}
	if m.former.Image == nil && !m.Configured {
		return r, problem.New(problem.Usage, fmt.Sprintf(
			"there is nothing to move: %s has no section [sandbox] here, no variable SANDBOX_* is set, and the engine has no image of OpenHands' own builder over %s", m.File, m.former.Base), nil,
			"Name what is to move with --config, --image or --base, and look at it first with --dry-run")
	}
	r.Base, r.BaseFrom, options.Bases = m.former.Base, m.former.BaseFrom, []string{m.former.Base}
	// Client and server have to be of one version.
	if options.Version == "" && m.Request.Source == "" && m.Request.DepsImage == "" && slices.Contains(known, m.former.Version) {
		options.Version = m.former.Version
	}
	now, err := m.planned(ctx)
	if err != nil {
		return r, err
	}
	r.Rows = compare(oldSide{
		Base: r.Base, Image: m.former.Ref, Version: m.former.Version, ExtraDeps: options.ExtraDeps, ExtraBuildArgs: m.BuildArgs,
		Platform: m.Platform, ForceRebuild: m.Forced, Browser: !slices.Contains(options.Without, "browser"),
	}, now)
	r.ExtraDeps = []Row{}
	if options.ExtraDeps == "" {
		return r, nil
	}
	r.ExtraDeps, err = Judge(ctx, m.Builder, r.Base, options.ExtraDeps)
	return r, err
}

// planned is what the new image will be.
func (m *Move) planned(ctx context.Context) (newSide, error) {
	engine := m.Builder.Engine
	p, err := m.Request.Sketch(ctx, engine, engine.Arch)
	if err != nil {
		return newSide{}, err
	}
	n := newSide{Image: cmp.Or(slices.Concat(m.Request.Options.Tags, []string{p.Runtimes[0].Image})...), Version: p.Deps.Version, Server: p.Deps.Server, Platform: "linux/" + engine.Arch, Components: p.Deps.Components}
	if p.Deps.Given {
		deps, err := m.Builder.Find(ctx, p.Deps.Image)
		if err != nil {
			return n, err
		}
		n.Components = payload.ReadLabels(deps.Labels()).ComponentNames()
	}
	return n, nil
}

// Try builds the new image, looks at both and adds what comes of it to the report
// of Compare. Results are those of the images that are finished, also where it
// ends with an error.
func (m *Move) Try(ctx context.Context, r *Report) ([]builder.Result, error) {
	results, err := m.Request.Build(ctx, m.Builder)
	if err != nil {
		return results, err
	}
	return results, m.measure(ctx, r, results[0], results[len(results)-1])
}

// measure verifies and starts the image made, and starts the traditional one.
func (m *Move) measure(ctx context.Context, r *Report, payloadMade, made builder.Result) (err error) {
	b, former := m.Builder, m.former
	t := trial{
		Ref: made.References[len(made.References)-1], Old: former,
		NewBuilt: making{Seconds: made.Seconds, Reused: made.Reused}, PayloadBuilt: making{Seconds: payloadMade.Seconds, Reused: payloadMade.Reused},
	}
	client := sandbox.Client{Engine: b.Engine, View: b.View()}
	if t.New, err = b.Find(ctx, t.Ref); err != nil {
		return err
	}
	report, err := client.Verify(ctx, t.Ref, t.New, sandbox.Trials{Live: true})
	if err != nil {
		return err
	}
	if r.Verified = &report; len(report.Servers) > 0 {
		t.NewStartSeconds = report.Servers[0].Seconds
	}
	if t.Payload, err = b.Find(ctx, payloadMade.ID); err != nil {
		return err
	}
	if former.Image != nil {
		if t.OldBuildSeconds, err = b.Engine.BuildSeconds(ctx, former.Ref, former.Base); err != nil {
			return err
		}
		if t.Base, err = b.Local(ctx, former.Base); err != nil {
			return err
		}
		health, seconds, err := client.LiveTraditional(ctx, former.Image)
		if err != nil {
			return err
		}
		r.OldHealth, t.OldStartSeconds = &health, seconds
	}
	r.Old, r.New = t.measure()
	return nil
}
