package registry

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// artifacts is an index on its way to a registry. It implements v1.ImageIndex.
type artifacts struct {
	*image.Index
	registry name.Registry               // layers of whose repositories are mounted
	sending  func(image.Layer) io.Writer // see Push
}

// MediaType implements v1.ImageIndex.
func (a artifacts) MediaType() (types.MediaType, error) { return types.OCIImageIndex, nil }

// Digest implements v1.ImageIndex.
func (a artifacts) Digest() (v1.Hash, error) { return v1.NewHash(a.Descriptor().Digest.String()) }

// Size implements v1.ImageIndex.
func (a artifacts) Size() (int64, error) { return int64(len(a.Raw)), nil }

// IndexManifest implements v1.ImageIndex.
func (a artifacts) IndexManifest() (*v1.IndexManifest, error) {
	var manifest v1.IndexManifest
	return &manifest, json.Unmarshal(a.Raw, &manifest)
}

// RawManifest implements v1.ImageIndex.
func (a artifacts) RawManifest() ([]byte, error) { return a.Raw, nil }

// Image implements v1.ImageIndex.
func (a artifacts) Image(h v1.Hash) (v1.Image, error) {
	for _, i := range a.Images {
		if i.Descriptor().Digest.String() == h.String() {
			return artifact{i, a.registry, a.sending}, nil
		}
	}
	return nil, fmt.Errorf("the index has no image %s", h)
}

// ImageIndex implements v1.ImageIndex: there is none in another.
func (a artifacts) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	return nil, fmt.Errorf("the index has no index %s", h)
}
