// Package request is what a user asks to be built, without flags: what it names
// on this machine is read, and it becomes a plan that a builder carries out.
package request

import (
	"cmp"
	"context"
	"fmt"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/helpers"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/templates"
)

// Request says which images are wanted.
type Request struct {
	Options       plan.Options // Arch and Deps are not looked at
	Source        string       // folder with OpenHands' sources; empty: a release
	ComponentDirs []string     // the user's own components
	DepsImage     string       // that the payload comes from; empty: it is made
	ServerChosen  bool         // Options.Server is more than a default
}

// Components are the built-in components, with the user's own locks of releases,
// and those in dirs.
func Components(dirs []string) ([]templates.Component, error) {
	all, err := templates.Components()
	if err != nil {
		return nil, err
	}
	if all, err = addOwnLocks(all); err != nil {
		return nil, err
	}
	all, err = templates.AddFrom(all, dirs...)
	if err != nil {
		return nil, problem.New(problem.BadComponent, "a component of --component-dir cannot be used", err, "Correct it; docs/components.md describes the format")
	}
	return all, nil
}

// named is the deps image as far as its name tells of it; nil without one.
func (r Request) named() *plan.DepsImage {
	if r.DepsImage == "" {
		return nil
	}
	return &plan.DepsImage{Ref: r.DepsImage}
}

// agrees refuses a payload that is another one than what the user has chosen.
func (r Request) agrees(deps *plan.DepsImage) error {
	if deps == nil {
		return nil
	}
	for _, fact := range []struct{ flag, wanted, is string }{
		{"server", r.wantedServer(), deps.Server}, {"openhands-version", r.Options.Version, deps.Version},
	} {
		if fact.wanted != "" && fact.is != "" && fact.wanted != fact.is {
			return problem.New(problem.Usage, fmt.Sprintf("the payload %s is of %s, but --%s says %s", r.DepsImage, fact.is, fact.flag, fact.wanted), nil,
				fmt.Sprintf("Leave --%s out, or name another payload with --deps-image; 'docker openhands config' shows where the values come from", fact.flag))
		}
	}
	return nil
}

// wantedServer is the server that the user has chosen; empty: any will do.
func (r Request) wantedServer() string {
	if r.ServerChosen {
		return r.Options.Server
	}
	return ""
}

// plan makes the plan for an architecture, with a deps image if there is one.
// Stage 1 runs as builderArch where that is not empty.
func (r Request) plan(arch, builderArch string, deps *plan.DepsImage) (plan.Plan, error) {
	components, err := Components(r.ComponentDirs)
	if err != nil {
		return plan.Plan{}, err
	}
	in := plan.Inputs{Components: components}
	if in.Source, err = payloadSource(r.Source); err != nil {
		return plan.Plan{}, err
	}
	if deps == nil {
		if in.Helpers, err = helpers.For(arch); err != nil {
			return plan.Plan{}, err
		}
		if builderArch != "" {
			if in.Tools, err = helpers.For(builderArch); err != nil {
				return plan.Plan{}, err
			}
		}
	}
	options := r.Options
	options.Arch, options.BuilderArch, options.Deps = arch, builderArch, deps
	return plan.New(options, in)
}

// planFor makes the plan for what a builder is to make.
func (r Request) planFor(e *engine.Engine, arch string, deps *plan.DepsImage) (plan.Plan, error) {
	if arch == "" || arch == e.Arch {
		return r.plan(e.Arch, "", deps)
	}
	return r.plan(arch, e.Arch, deps)
}

// Sketch makes the plan for an architecture and pulls nothing. Without an engine,
// which is nil, nothing but its name is known of a deps image.
func (r Request) Sketch(ctx context.Context, e *engine.Engine, arch string) (plan.Plan, error) {
	deps := r.named()
	if deps != nil && e != nil {
		found, err := builder.LocalDeps(ctx, e, r.DepsImage)
		if err != nil {
			return plan.Plan{}, err
		}
		deps = cmp.Or(found, deps)
	}
	if err := r.agrees(deps); err != nil {
		return plan.Plan{}, err
	}
	if e == nil {
		return r.plan(arch, "", deps)
	}
	return r.planFor(e, arch, deps)
}

// Build makes all images, the deps image first. Results are those of the images
// that are finished, also where it ends with an error.
func (r Request) Build(ctx context.Context, b *builder.Builder) ([]builder.Result, error) {
	// Mistakes are told before anything is pulled.
	deps := r.named()
	p, err := r.planFor(b.Engine, b.Arch, deps)
	if err != nil {
		return nil, err
	}
	if deps != nil {
		if deps, err = b.FindDeps(ctx, r.DepsImage); err != nil {
			return nil, err
		}
		if err := r.agrees(deps); err != nil {
			return nil, err
		}
		if deps.Server != "" && deps.Server != r.Options.Server {
			b.Logf("the payload %s is one of the server %s, and so the images are", r.DepsImage, deps.Server)
		}
		if p, err = r.planFor(b.Engine, b.Arch, deps); err != nil {
			return nil, err
		}
	}
	return b.Build(ctx, p)
}
