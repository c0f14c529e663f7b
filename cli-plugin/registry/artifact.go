package registry

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
)

// artifact is an encoded image on its way to a registry. It implements v1.Image.
type artifact struct {
	*image.Image
	registry name.Registry               // layers of whose repositories are mounted
	sending  func(image.Layer) io.Writer // see Push
}

// Layers implements v1.Image.
func (a artifact) Layers() ([]v1.Layer, error) {
	var layers []v1.Layer
	for _, l := range a.Image.Layers {
		if l.In != nil && l.In.Registry == a.registry {
			layers = append(layers, &remote.MountableLayer{Layer: blob{l, a.sending}, Reference: l.In.Digest(l.Descriptor.Digest.String())})
		} else {
			layers = append(layers, blob{l, a.sending})
		}
	}
	return layers, nil
}

// MediaType implements v1.Image.
func (a artifact) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// Size implements v1.Image.
func (a artifact) Size() (int64, error) { return int64(len(a.Image.RawManifest)), nil }

// ConfigName implements v1.Image.
func (a artifact) ConfigName() (v1.Hash, error) { return partial.ConfigName(a) }

// ConfigFile implements v1.Image.
func (a artifact) ConfigFile() (*v1.ConfigFile, error) { return partial.ConfigFile(a) }

// RawConfigFile implements v1.Image.
func (a artifact) RawConfigFile() ([]byte, error) { return a.RawConfig, nil }

// Digest implements v1.Image.
func (a artifact) Digest() (v1.Hash, error) {
	return v1.NewHash(digest.FromBytes(a.Image.RawManifest).String())
}

// Manifest implements v1.Image.
func (a artifact) Manifest() (*v1.Manifest, error) {
	var manifest v1.Manifest
	return &manifest, json.Unmarshal(a.Image.RawManifest, &manifest)
}

// RawManifest implements v1.Image.
func (a artifact) RawManifest() ([]byte, error) { return a.Image.RawManifest, nil }

// LayerByDigest implements v1.Image.
func (a artifact) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	return a.layer(h, func(l image.Layer) string { return l.Descriptor.Digest.String() })
}

// LayerByDiffID implements v1.Image.
func (a artifact) LayerByDiffID(h v1.Hash) (v1.Layer, error) {
	return a.layer(h, func(l image.Layer) string { return l.DiffID.String() })
}

func (a artifact) layer(h v1.Hash, by func(image.Layer) string) (v1.Layer, error) {
	for _, l := range a.Image.Layers {
		if by(l) == h.String() {
			return blob{l, a.sending}, nil
		}
	}
	return nil, fmt.Errorf("the image has no layer %s", h)
}

// blob is a layer that can be opened. It implements v1.Layer.
type blob struct {
	layer   image.Layer
	sending func(image.Layer) io.Writer
}

// Digest implements v1.Layer.
func (b blob) Digest() (v1.Hash, error) { return v1.NewHash(b.layer.Descriptor.Digest.String()) }

// DiffID implements v1.Layer.
func (b blob) DiffID() (v1.Hash, error) { return v1.NewHash(b.layer.DiffID.String()) }

// Compressed implements v1.Layer.
func (b blob) Compressed() (io.ReadCloser, error) {
	content, err := b.layer.Open()
	if err != nil {
		return nil, err
	}
	return sentLayer{io.TeeReader(content, b.sending(b.layer)), content}, nil
}

// sentLayer is the content of a layer as it is sent.
type sentLayer struct {
	io.Reader
	io.Closer
}

// Uncompressed implements v1.Layer.
func (b blob) Uncompressed() (io.ReadCloser, error) {
	plain, _, err := b.layer.Plain()
	return plain, err
}

// Size implements v1.Layer.
func (b blob) Size() (int64, error) { return b.layer.Descriptor.Size, nil }

// MediaType implements v1.Layer.
func (b blob) MediaType() (types.MediaType, error) {
	return types.MediaType(b.layer.Descriptor.MediaType), nil
}
