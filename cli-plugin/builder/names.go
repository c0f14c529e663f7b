package builder

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// A name that an image is to get may be another one's. An image of ours hands
// it on, as with every builder of images, and a line says so where that one is
// of another base or set-up. Whoever owns an image that is not ours, or a
// payload, has not asked for that.

// names implements target.
func (l local) names(ctx context.Context, r plan.Runtime) error {
	for _, name := range r.References() {
		found, err := l.holder(ctx, name)
		if err != nil {
			return err
		}
		if found != nil {
			l.tellHandedOn(name, found.Labels(), r)
		}
	}
	return nil
}

// names implements target. An archive takes no name from anybody.
func (p *publisher) names(ctx context.Context, r plan.Runtime) error {
	return p.mayTake(ctx, r, p.lookAhead)
}

// mayTake refuses names that an image would take in registries, of which look tells
// what has one.
func (b *Builder) mayTake(ctx context.Context, r plan.Runtime, look func(ctx context.Context, ref string) (*standing, error)) error {
	if !b.Output.Push {
		return nil
	}
	for _, name := range r.Tags { // others are of our own scheme
		found, err := look(ctx, name)
		if err != nil {
			return err
		}
		if found == nil {
			continue
		}
		if err := mayHandOn(name, "its registry", "delete that one in the registry", found.labels); err != nil {
			return err
		}
		b.tellHandedOn(name, found.labels, r)
	}
	return nil
}

// holder returns the engine's image that has a name and may lose it; nil where
// none has it.
func (b *Builder) holder(ctx context.Context, name string) (*image.Image, error) {
	found, err := b.Engine.Image(ctx, name)
	if err != nil || found == nil {
		return nil, err
	}
	return found, mayHandOn(name, "this engine", "'docker tag "+name+" ANOTHER' gives that image another name, and 'docker rmi "+name+"' then takes this one away", found.Labels())
}

// tellHandedOn says where a name comes from, by the labels of the image that has it.
func (b *Builder) tellHandedOn(name string, labels map[string]string, r plan.Runtime) {
	have, want := payload.ReadLabels(labels), payload.ReadLabels(r.Labels)
	switch {
	case have.Kind != payload.KindRuntime:
		b.Logf("the name %s goes over from an image of the traditional mode", name)
	case have.BaseName != want.BaseName:
		b.Logf("the name %s goes over from the image over %s", name, have.BaseName)
	case have.Setup != want.Setup || have.Server != want.Server:
		b.Logf("the name %s goes over from an image with another set-up", name)
	}
}

// mayHandOn refuses to take a name from an image that is not ours, by its labels.
func mayHandOn(name, where, cure string, labels map[string]string) error {
	if labels[payload.LabelKind] == payload.KindRuntime || isTraditional(labels) {
		return nil
	}
	what := "an image that is no runtime image of OpenHands"
	if labels[payload.LabelKind] == payload.KindDeps {
		what = "a payload"
	}
	return problem.New(problem.NameTaken, fmt.Sprintf("%s is the name of %s in %s, which would lose it", name, what, where), nil,
		"Choose another --tag; or, if the name is to go over, "+cure)
}

// isTraditional reports whether labels are of an image that the traditional
// mode has made.
func isTraditional(labels map[string]string) bool {
	for name := range labels {
		if strings.HasPrefix(name, payload.LabelPrefix+"traditional.") {
			return true
		}
	}
	return false
}
