package builder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// artifact is a whole image to be published. It implements v1.Image.
type artifact struct {
	encodedImage
	layers   []blob        // lowest first
	registry name.Registry // that it goes to: layers of its repositories are mounted
}

func newArtifact(config []byte, platform ocispec.Platform, layers []blob) (artifact, error) {
	var descriptors []ocispec.Descriptor
	for _, l := range layers {
		descriptors = append(descriptors, l.descriptor)
	}
	encoded, err := encode(config, platform, descriptors)
	return artifact{encodedImage: encoded, layers: layers}, err
}

// ownBlob is a layer that was made here.
func ownBlob(l ownLayer) blob {
	return blob{descriptor: l.descriptor, diffID: l.diffID, proven: true, open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(l.compressed)), nil
	}}
}

// Layers implements v1.Image.
func (a artifact) Layers() ([]v1.Layer, error) {
	var layers []v1.Layer
	for _, l := range a.layers {
		if l.in != nil && l.in.Registry == a.registry {
			layers = append(layers, &remote.MountableLayer{Layer: l, Reference: l.in.Digest(l.descriptor.Digest.String())})
		} else {
			layers = append(layers, l)
		}
	}
	return layers, nil
}

// MediaType implements v1.Image.
func (a artifact) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// Size implements v1.Image.
func (a artifact) Size() (int64, error) { return a.root.Size, nil }

// ConfigName implements v1.Image.
func (a artifact) ConfigName() (v1.Hash, error) { return partial.ConfigName(a) }

// ConfigFile implements v1.Image.
func (a artifact) ConfigFile() (*v1.ConfigFile, error) { return partial.ConfigFile(a) }

// RawConfigFile implements v1.Image.
func (a artifact) RawConfigFile() ([]byte, error) { return a.config, nil }

// Digest implements v1.Image.
func (a artifact) Digest() (v1.Hash, error) { return v1.NewHash(a.root.Digest.String()) }

// Manifest implements v1.Image.
func (a artifact) Manifest() (*v1.Manifest, error) {
	var manifest v1.Manifest
	return &manifest, json.Unmarshal(a.manifest, &manifest)
}

// RawManifest implements v1.Image.
func (a artifact) RawManifest() ([]byte, error) { return a.manifest, nil }

// LayerByDigest implements v1.Image.
func (a artifact) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	return a.layer(h, func(b blob) string { return b.descriptor.Digest.String() })
}

// LayerByDiffID implements v1.Image.
func (a artifact) LayerByDiffID(h v1.Hash) (v1.Layer, error) {
	return a.layer(h, func(b blob) string { return b.diffID.String() })
}

func (a artifact) layer(h v1.Hash, by func(blob) string) (v1.Layer, error) {
	for _, l := range a.layers {
		if by(l) == h.String() {
			return l, nil
		}
	}
	return nil, fmt.Errorf("the image has no layer %s", h)
}
