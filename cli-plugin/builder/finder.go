package builder

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry"
)

// finder finds images for one architecture.
type finder struct {
	*Builder
	arch string // GOARCH form
}

// native finds images for the engine.
func (b *Builder) native() finder { return finder{b, b.Engine.Arch} }

// foreign reports whether images are for another architecture than the engine's.
// It may have such images and hand them out; it runs none. Images that are not ours
// are not pulled into it: their names there are those of its own platform's.
func (f finder) foreign() bool { return f.arch != f.Engine.Arch }

// fits reports whether an image is for the architecture.
func (f finder) fits(found *image.Image) bool {
	return found.Config.OS == "linux" && found.Config.Architecture == f.arch
}

// own is an image of the engine as far as it is for the architecture: where that
// is not the engine's, another one may have the name there.
func (f finder) own(found *image.Image) *image.Image {
	if found != nil && f.foreign() && !f.fits(found) {
		return nil
	}
	return found
}

// ask asks the registry of ref for an image that can be done without.
func (f finder) ask(ctx context.Context, ref string) (*image.Image, error) {
	return f.registry().Ask(ctx, ref, f.arch)
}

// find asks the registry of ref, which cannot be done without, for an image that can.
func (f finder) find(ctx context.Context, ref string) (*image.Image, error) {
	return f.registry().FindAtDestination(ctx, ref, f.arch)
}

func (f finder) checkArch(what, ref string, found *image.Image) error {
	switch {
	case f.fits(found):
		return nil
	case f.foreign():
		return f.notFor(what, ref, &registry.NoPlatformError{Wanted: "linux/" + f.arch, Have: []string{found.Platform()}})
	}
	return problem.New(problem.Platform,
		fmt.Sprintf("the %s %s is for %s/%s, but the engine runs linux/%s", what, ref, found.Config.OS, found.Config.Architecture, f.arch), nil,
		fmt.Sprintf("Pull the right one with 'docker pull --platform linux/%s %s', or choose another image", f.arch, ref))
}

// notFor is the error of an image that is there for other platforms alone.
func (f finder) notFor(what, ref string, cause *registry.NoPlatformError) error {
	var both []string
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		if slices.Contains(cause.Have, platform) {
			both = append(both, platform)
		}
	}
	next := "Name another one"
	if len(both) > 0 {
		next += ", or build for what it is there for: '--platform " + strings.Join(both, ",") + "'"
	}
	return problem.New(problem.Platform, fmt.Sprintf("there is no %s %s for linux/%s", what, ref, f.arch), cause, next)
}
