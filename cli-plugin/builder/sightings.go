package builder

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
)

// A sighting is a compressed form of a layer and the repositories that had it.
// Sightings are kept in the user's cache folder, so that a layer that only
// the engine has is compressed once: the next time it is found where it went.
type sighting struct {
	Descriptor   ocispec.Descriptor `json:"descriptor"`
	Repositories []string           `json:"repositories"` // the latest first
}

// maxSightings is how many repositories are kept of one form.
const maxSightings = 8

// maxAsked is how many requests are under way at a time.
const maxAsked = 8

// seen returns those layers that registries of the publisher still have.
func (p *publisher) seen(ctx context.Context, ids []digest.Digest, fits func(image.Layer) bool) ([]image.Layer, error) {
	registries, err := p.connectRegistries()
	if err != nil {
		return nil, err
	}
	found := make([]*image.Layer, len(ids))
	var group errgroup.Group // its context would end before the layers are read
	group.SetLimit(maxAsked)
	for i, id := range ids {
		group.Go(func() (err error) {
			found[i], err = p.look(ctx, registries.puller, id, fits)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var layers []image.Layer
	for _, l := range found {
		if l != nil {
			layers = append(layers, *l)
		}
	}
	return layers, nil
}

// look goes through the sightings of one layer.
func (p *publisher) look(ctx context.Context, puller *remote.Puller, id digest.Digest, fits func(image.Layer) bool) (*image.Layer, error) {
	for _, s := range sightings(id) {
		l := image.Layer{Descriptor: s.Descriptor, DiffID: id, Proven: true}
		if !fits(l) {
			continue
		}
		for _, text := range s.Repositories {
			ref, err := p.parse(text + "@" + s.Descriptor.Digest.String())
			if err != nil || !p.goesTo(ref.Context().Registry) {
				continue
			}
			there := false
			layer, err := puller.Layer(ctx, ref.(name.Digest))
			if err == nil {
				there, err = partial.Exists(layer)
			}
			var refused *transport.Error
			switch {
			case errors.As(err, &refused) && refused.StatusCode < http.StatusInternalServerError:
				// Not for this user any more.
			case err != nil:
				return nil, pushProblem(text, err)
			case there:
				repository := ref.Context()
				l.In, l.Open = &repository, layer.Compressed
				return &l, nil
			}
		}
	}
	return nil, nil
}

func (p *publisher) goesTo(registry name.Registry) bool {
	return slices.ContainsFunc(p.repositories, func(r name.Repository) bool { return r.Registry == registry })
}

// sightingCache has the sightings of layers by their diff IDs. A folder
// "sightings" is of versions that noted diff IDs which nobody had proven.
const sightingCache = "proven-sightings"

// sightings are those of a layer; without a cache there are none.
func sightings(id digest.Digest) (known []sighting) {
	if !state.Recall(sightingCache, id.String(), &known) {
		return nil
	}
	return known
}

// noteSightings keeps where the proven layers of an image are now.
func noteSightings(layers []image.Layer, repository name.Repository) {
	for _, l := range layers {
		if !l.Proven {
			continue
		}
		known := sightings(l.DiffID)
		i := slices.IndexFunc(known, func(s sighting) bool { return s.Descriptor.Digest == l.Descriptor.Digest })
		if i < 0 {
			known, i = append(known, sighting{Descriptor: l.Descriptor}), len(known)
		}
		places := known[i].Repositories
		if len(places) > 0 && places[0] == repository.Name() {
			continue
		}
		places = slices.DeleteFunc(places, func(place string) bool { return place == repository.Name() })
		places = append([]string{repository.Name()}, places...)
		known[i].Repositories = places[:min(len(places), maxSightings)]
		state.Remember(sightingCache, l.DiffID.String(), known)
	}
}
