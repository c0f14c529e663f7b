package request

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/progress"
	"github.com/docker-openhands/docker-openhands/cli-plugin/traditional"
)

// Traditional says which images of the traditional mode are wanted.
type Traditional struct {
	Image   builder.Traditional // what all of them have in common: no sources, names, base or tags
	Bases   []string            // none: that of OpenHands
	Source  string              // folder with OpenHands' sources; empty: the release Version
	Version string              // empty: the newest

	Repository string
	Tags       []string            // further names, or patterns for them
	OwnTags    map[string][]string // those of the images over these bases, in the place of Tags
}

// Images are all of them with their names; it refuses what no engine takes. They
// are usable until closeSource.
func (t Traditional) Images(ctx context.Context, view *progress.View) (images []builder.Traditional, closeSource func() error, err error) {
	if err := t.checkPatterns(); err != nil {
		return nil, nil, err
	}
	images, closeSource, err = t.Named(ctx, view)
	if err != nil {
		return nil, nil, err
	}
	if err := t.giveNames(images); err != nil {
		return nil, nil, errors.Join(err, closeSource())
	}
	return images, closeSource, nil
}

// checkPatterns refuses placeholders that images of this mode have nothing for.
func (t Traditional) checkPatterns() error {
	for _, pattern := range slices.Concat(append(slices.Collect(maps.Values(t.OwnTags)), t.Tags)...) {
		if strings.Contains(pattern, plan.DepsPlaceholder) {
			return problem.New(problem.Usage, fmt.Sprintf("--tag %s: images of the traditional mode have no payload that %s could stand for", pattern, plan.DepsPlaceholder), nil,
				"Leave it out, or build with --mode two-stage")
		}
	}
	return t.patterns().CheckPatterns()
}

func (t Traditional) patterns() *plan.Options {
	return &plan.Options{Tags: t.Tags, OwnTags: t.OwnTags, Repository: t.Repository}
}

// giveNames gives the images the further names that the patterns come to, and
// refuses what no engine takes and what would be taken from another of the images.
func (t Traditional) giveNames(images []builder.Traditional) (err error) {
	given := plan.GivenNames{}
	for i := range images {
		image := &images[i]
		if err := image.Names.Check(image.Base); err != nil {
			return err
		}
		of := plan.Deps{Server: plan.DefaultServer, Version: image.Source.Version()}
		if image.Tags, err = t.patterns().FurtherNames(image.Base, of); err != nil {
			return err
		}
		for _, name := range image.Tags {
			if slices.ContainsFunc(images, func(other builder.Traditional) bool { return problem.SameName(name, other.Base) }) {
				return problem.TakesBase(name)
			}
			if err := given.Give(name, image.Base); err != nil {
				return err
			}
		}
	}
	return nil
}

// Named is Images for whoever wants the names only: OpenHands' own builder has
// some for bases that no engine takes, too.
func (t Traditional) Named(ctx context.Context, view *progress.View) (images []builder.Traditional, closeSource func() error, err error) {
	bases := t.Bases
	if len(bases) == 0 {
		bases = []string{traditional.DefaultBase}
	}
	source, closeSource, err := openSource(ctx, t.Source, t.Version, view)
	if err != nil {
		return nil, nil, err
	}
	for _, base := range bases {
		image := t.Image
		image.Source, image.Base, image.ChannelAlias = source, base, channelAlias()
		if image.Names, err = source.Names(ctx, t.Repository, base, image.Browser); err != nil {
			return nil, nil, errors.Join(err, closeSource())
		}
		images = append(images, image)
	}
	return images, closeSource, nil
}

// channelAlias is a setting of later versions of OpenHands.
func channelAlias() string { return strings.TrimSpace(os.Getenv("OH_CONDA_CHANNEL_ALIAS")) }
