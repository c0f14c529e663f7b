package registry

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

// A location is a compressed form of a layer and the repositories that had it.
// Locations are kept in the user's cache folder, so that a layer that only
// the engine has is compressed once: the next time it is found where it went.
type location struct {
	Descriptor   ocispec.Descriptor `json:"descriptor"`
	Repositories []string           `json:"repositories"` // the latest first
}

// maxLocations is how many repositories are kept of one form.
const maxLocations = 8

// maxAsked is how many requests are under way at a time.
const maxAsked = 8

// Locate returns those layers that the registries still have in a form that
// fits.
func (c *Client) Locate(ctx context.Context, ids []digest.Digest, registries []name.Registry, fits func(image.Layer) bool) ([]image.Layer, error) {
	open, err := c.connect()
	if err != nil {
		return nil, err
	}
	found := make([]*image.Layer, len(ids))
	var group errgroup.Group // its context would end before the layers are read
	group.SetLimit(maxAsked)
	for i, id := range ids {
		group.Go(func() (err error) {
			found[i], err = c.look(ctx, open.puller, id, registries, fits)
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

// look goes through the known locations of one layer.
func (c *Client) look(ctx context.Context, puller *remote.Puller, id digest.Digest, registries []name.Registry, fits func(image.Layer) bool) (*image.Layer, error) {
	for _, s := range locations(id) {
		l := image.Layer{Descriptor: s.Descriptor, DiffID: id, Proven: true}
		if !fits(l) {
			continue
		}
		for _, text := range s.Repositories {
			ref, err := c.Parse(text + "@" + s.Descriptor.Digest.String())
			if err != nil || !slices.Contains(registries, ref.Context().Registry) {
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

// locationCache has the locations of proven layers by their diff IDs.
const locationCache = "layer-locations"

// locations are those of a layer; without a cache there are none.
func locations(id digest.Digest) (known []location) {
	if !state.Recall(locationCache, id.String(), &known) {
		return nil
	}
	return known
}

// noteLocations keeps where the proven layers of an image are now.
func noteLocations(layers []image.Layer, repository name.Repository) {
	for _, l := range layers {
		if !l.Proven {
			continue
		}
		known := locations(l.DiffID)
		i := slices.IndexFunc(known, func(s location) bool { return s.Descriptor.Digest == l.Descriptor.Digest })
		if i < 0 {
			known, i = append(known, location{Descriptor: l.Descriptor}), len(known)
		}
		places := known[i].Repositories
		if len(places) > 0 && places[0] == repository.Name() {
			continue
		}
		places = slices.DeleteFunc(places, func(place string) bool { return place == repository.Name() })
		places = append([]string{repository.Name()}, places...)
		known[i].Repositories = places[:min(len(places), maxLocations)]
		state.Remember(locationCache, l.DiffID.String(), known)
	}
}
