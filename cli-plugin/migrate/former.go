package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
	"github.com/docker-openhands/docker-openhands/cli-plugin/traditional"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// finder is where images are looked for.
type finder interface {
	Find(ctx context.Context, ref string) (*image.Image, error)  // pulled, if need be
	Local(ctx context.Context, ref string) (*image.Image, error) // nil without an error: it is not there
}

// wanted is what was chosen.
type wanted struct {
	Image      string   // the traditional one; empty: one of Repository that is there already
	Base       string   // empty: the one that a tag of Image tells, without an image OpenHands' default
	BaseFrom   string   // who chose Base
	Version    string   // of OpenHands; empty: any
	Known      []string // versions that a payload can be of, the newest last
	Repository string
}

// formerImage is a traditional image and what it was built from.
type formerImage struct {
	Image    *image.Image // nil: there is none
	Ref      string       // of Image
	Version  string       // of OpenHands; empty: not known
	Base     string
	BaseFrom string // what tells Base
}

// findFormer finds the traditional image, and out what it was built from.
// Errors about what was chosen are *problem.Error.
func findFormer(ctx context.Context, images finder, w wanted) (formerImage, error) {
	f := formerImage{Ref: w.Image, Base: w.Base, BaseFrom: w.BaseFrom}
	if w.Image == "" {
		if f.Base == "" {
			f.Base, f.BaseFrom = traditional.DefaultBase, "default of OpenHands"
		}
		return f, f.search(ctx, images, w)
	}
	var err error
	if f.Image, err = images.Find(ctx, w.Image); err != nil {
		return f, err
	}
	if f.Image.Labels()[payload.LabelKind] != "" {
		return f, problem.New(problem.NotMigrated, fmt.Sprintf("%s is an image of two stages already", w.Image), nil, "There is nothing to do; 'docker openhands verify --live' checks it")
	}
	base, version := baseOf(f.Image)
	if f.Version = version; f.Base != "" {
		return f, nil
	}
	if f.Base, f.BaseFrom = base, "tag of "+w.Image; base == "" {
		return f, problem.New(problem.Usage, fmt.Sprintf("no tag of %s tells what it was built over", w.Image), nil, "Name its base with --base")
	}
	return f, nil
}

// search looks for the newest image that OpenHands would have built.
func (f *formerImage) search(ctx context.Context, images finder, w wanted) error {
	versions := w.Known
	if w.Version != "" {
		versions = []string{w.Version}
	}
	for _, version := range slices.Backward(versions) {
		ref := w.Repository + ":" + tag.Versioned(version, f.Base)
		found, err := images.Local(ctx, ref)
		if err != nil {
			return err
		}
		if found != nil {
			f.Image, f.Ref, f.Version = found, ref, version
			return nil
		}
	}
	return nil
}

// baseOf tells from an image's names what it was built over.
func baseOf(found *image.Image) (base, version string) {
	for _, name := range found.Names {
		if base, v, ok := tag.BaseOf(name[strings.LastIndexByte(name, ':')+1:]); ok {
			return base, v
		} else if v != "" {
			version = v
		}
	}
	return "", version
}
