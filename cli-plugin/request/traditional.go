package request

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/progress"
	"github.com/docker-openhands/docker-openhands/cli-plugin/traditional"
)

// Traditional says which images of the traditional mode are wanted.
type Traditional struct {
	Image   builder.Traditional // what all of them have in common: no sources, names or base
	Bases   []string            // none: that of OpenHands
	Source  string              // folder with OpenHands' sources; empty: the release Version
	Version string              // empty: the newest

	Repository string
}

// Images are all of them with their names; it refuses what no engine takes. They
// are usable until closeSource.
func (t Traditional) Images(ctx context.Context, view *progress.View) (images []builder.Traditional, closeSource func() error, err error) {
	if n := len(t.Bases); n > 1 && len(t.Image.Tags) > 0 {
		return nil, nil, problem.Usagef("--tag names one image, but there are %d bases", n)
	}
	images, closeSource, err = t.Named(ctx, view)
	if err != nil {
		return nil, nil, err
	}
	for _, image := range images {
		if err := image.Names.Check(image.Base, image.Tags); err != nil {
			return nil, nil, errors.Join(err, closeSource())
		}
	}
	return images, closeSource, nil
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
