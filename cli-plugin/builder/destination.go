package builder

import (
	"context"
	"fmt"
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/google/go-containerregistry/pkg/name"
)

// CheckDestination asks the repositories that a plan's images are pushed to
// whether they take them, which minutes of work may come before. Other places
// need not be asked. Errors are those of a push.
func (b *Builder) CheckDestination(ctx context.Context, p plan.Plan) error {
	_, err := b.destinations(ctx, p)
	return err
}

// destinations are the repositories that the images of a plan are pushed to, once
// each of them takes images of this user.
func (b *Builder) destinations(ctx context.Context, p plan.Plan) ([]name.Repository, error) {
	repositories, err := b.repositories(p)
	if err != nil || len(repositories) == 0 {
		return nil, err
	}
	return repositories, b.registry().CheckPush(ctx, repositories)
}

// repositories are those that the images of a plan are pushed to, in its order.
func (b *Builder) repositories(p plan.Plan) ([]name.Repository, error) {
	if b.Output == nil || !b.Output.Push {
		return nil, nil
	}
	var names []string
	for _, r := range p.Runtimes {
		names = append(names, publishedNames(r)...)
	}
	switch {
	case len(names) == 0:
		names = []string{p.Deps.Image}
	case p.Deps.Repository != "":
		names = append(names, p.Deps.Repository)
	}
	var all []name.Repository
	for _, text := range names {
		ref, err := b.registry().Parse(text)
		if err != nil {
			return nil, fmt.Errorf("reading the name %s: %w", text, err)
		}
		if !slices.Contains(all, ref.Context()) {
			all = append(all, ref.Context())
		}
	}
	return all, nil
}
