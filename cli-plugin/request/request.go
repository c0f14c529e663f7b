// Package request is what a user asks to be built, without flags: what it names
// on this machine is read, and it becomes a plan that a builder carries out.
package request

import (
	"cmp"
	"context"
	"fmt"
	"slices"

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
	Platform      string       // of the images, as in --platform; empty: the engine's
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

// plan makes the plan for architectures, of several one for indexes. There is a
// deps image for each of them, or none. Stage 1 runs as builderArch where that is not
// empty.
func (r Request) plan(architectures []string, builderArch string, deps []*plan.DepsImage) (plan.Plan, error) {
	components, err := Components(r.ComponentDirs)
	if err != nil {
		return plan.Plan{}, err
	}
	in := plan.Inputs{Components: components}
	if in.Source, err = payloadSource(r.Source); err != nil {
		return plan.Plan{}, err
	}
	plans := make([]plan.Plan, len(architectures))
	for i, arch := range architectures {
		options := r.Options
		options.Arch = arch
		if len(deps) > 0 {
			options.Deps = deps[i]
		} else if in.Helpers, err = helpers.For(arch); err != nil {
			return plan.Plan{}, err
		}
		if in.Tools = nil; len(deps) == 0 && builderArch != "" && builderArch != arch {
			options.BuilderArch = builderArch
			if in.Tools, err = helpers.For(builderArch); err != nil {
				return plan.Plan{}, err
			}
		}
		if plans[i], err = plan.New(options, in); err != nil {
			return plan.Plan{}, err
		}
	}
	if len(plans) == 1 {
		return plans[0], nil
	}
	return plan.Join(r.Options, plans)
}

// Sketch makes the plan, where the request says no architecture for arch, and pulls
// nothing. Without an engine, which is nil, nothing but its name is known of a deps
// image; with one, its tag is known for arch alone.
func (r Request) Sketch(ctx context.Context, e *engine.Engine, arch string) (plan.Plan, error) {
	architectures, err := r.architectures(arch)
	if err != nil {
		return plan.Plan{}, err
	}
	builderArch := ""
	if e != nil {
		builderArch = e.Arch
	}
	named := r.named()
	if named == nil {
		return r.plan(architectures, builderArch, nil)
	}
	if e != nil {
		found, err := builder.LocalDeps(ctx, e, r.DepsImage)
		if err != nil {
			return plan.Plan{}, err
		}
		named = cmp.Or(found, named)
	}
	if err := r.agrees(named); err != nil {
		return plan.Plan{}, err
	}
	deps := make([]*plan.DepsImage, len(architectures))
	for i, of := range architectures {
		one := *named
		if of != arch && len(architectures) > 1 {
			one.Tag = ""
		}
		deps[i] = &one
	}
	return r.plan(architectures, builderArch, deps)
}

// Build makes all images, the deps image first: of several architectures indexes
// where they are published, and in an engine those of its own. Results are those of
// the images that are finished, also where it ends with an error.
func (r Request) Build(ctx context.Context, b *builder.Builder) ([]builder.Result, error) {
	if b.Output == nil {
		loaded, note, err := r.ForEngine(b.Engine.Arch)
		if err != nil {
			return nil, err
		}
		if r = loaded; note != "" {
			b.Logf("%s", note)
		}
	}
	architectures, err := r.architectures(b.Engine.Arch)
	if err != nil {
		return nil, err
	}
	if b.Output != nil {
		return r.build(ctx, b, architectures)
	}
	var results []builder.Result // an engine has payloads of several platforms by their own names
	for _, arch := range architectures {
		made, err := r.build(ctx, b, []string{arch})
		results = append(results, made...)
		if err != nil {
			return results, err
		}
	}
	return results, nil
}

// build makes what goes to one place.
func (r Request) build(ctx context.Context, b *builder.Builder, architectures []string) ([]builder.Result, error) {
	// Mistakes are told before anything is pulled.
	var deps []*plan.DepsImage
	if named := r.named(); named != nil {
		deps = slices.Repeat([]*plan.DepsImage{named}, len(architectures))
	}
	p, err := r.plan(architectures, b.Engine.Arch, deps)
	if err != nil {
		return nil, err
	}
	for i := range deps {
		if deps[i], err = b.FindDeps(ctx, r.DepsImage, architectures[i]); err != nil {
			return nil, err
		}
		if err := r.agrees(deps[i]); err != nil {
			return nil, err
		}
	}
	if len(deps) > 0 {
		if server := deps[0].Server; server != "" && server != r.Options.Server {
			b.Logf("the payload %s is one of the server %s, and so the images are", r.DepsImage, server)
		}
		if p, err = r.plan(architectures, b.Engine.Arch, deps); err != nil {
			return nil, err
		}
	}
	return b.Build(ctx, p)
}
