package builder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"golang.org/x/sync/errgroup"
)

// maxPublished is how many tags of a repository are looked at.
const maxPublished = 20_000

// Published finds the runtime images that are in a repository of a registry, by
// what they say of themselves, each once with all of its names there. Further says
// what is not changed for all of them. Images of others are passed over, and so are
// those of several platforms under one name, which a line tells.
func (b *Builder) Published(ctx context.Context, repository string, further Swap) ([]Swap, error) {
	if err := problem.CheckRepository(repository); err != nil {
		return nil, err
	}
	tags, err := b.registry().Tags(ctx, repository, maxPublished)
	var excess *image.ExcessError
	if errors.As(err, &excess) {
		return nil, problem.New(problem.TooLarge, "the images of "+repository+" cannot be listed", err, "Name the images one by one")
	}
	if err != nil {
		return nil, err
	}
	slices.Sort(tags)
	tags = slices.DeleteFunc(slices.Compact(tags), func(tag string) bool {
		return strings.HasPrefix(tag, "oh_deps_") || problem.CheckReference("image", repository+":"+tag) != nil
	})
	found := make([]*image.Image, len(tags))
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(max(1, b.Jobs))
	for i, tag := range tags {
		group.Go(func() error {
			ref := repository + ":" + tag
			return b.patiently(asking, ref, func() (err error) {
				found[i], err = b.registry().FindAtDestination(ctx, ref, b.Engine.Arch)
				if err != nil && ctx.Err() == nil {
					err = fmt.Errorf("looking at %s: %w", ref, err)
				}
				return err
			})
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var swaps []Swap
	of := map[string]int{} // by digest
	for i, tag := range tags {
		ref, img := repository+":"+tag, found[i]
		if img == nil || img.Labels()[payload.LabelKind] != payload.KindRuntime {
			continue
		}
		if img.Several() {
			b.Logf("passing over %s, an index of several platforms", ref)
			continue
		}
		if at, known := of[img.ID]; known {
			swaps[at].Also = append(swaps[at].Also, ref)
			continue
		}
		of[img.ID] = len(swaps)
		s := further
		s.Image, s.found = ref, img
		swaps = append(swaps, s)
	}
	return swaps, nil
}

// Labels are those of an image that Published has found.
func (s Swap) Labels() payload.Labels { return payload.ReadLabels(s.found.Labels()) }

// HasPayload reports whether a registry has the payload ref.
func (b *Builder) HasPayload(ctx context.Context, ref string) (bool, error) {
	found, err := b.registry().FindAtDestination(ctx, ref, b.Engine.Arch)
	return err == nil && found.Labels()[payload.LabelKind] == payload.KindDeps, err
}
