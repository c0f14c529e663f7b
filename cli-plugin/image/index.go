package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Index is one name's images for several platforms, and their OCI index. It is
// never changed.
type Index struct {
	Images []*Image // encoded, one a platform
	Raw    []byte   // as its digest is over
}

// Join returns the index of encoded images, in their order. Each entry has the
// platform of its image's configuration, and nothing else: what buildx and "docker
// buildx imagetools" write where nobody asks for annotations.
func Join(images []*Image) (*Index, error) {
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for _, i := range images {
		index.Manifests = append(index.Manifests, i.Descriptor())
	}
	raw, err := json.Marshal(index)
	if err != nil {
		return nil, fmt.Errorf("encoding the index: %w", err)
	}
	return &Index{images, raw}, nil
}

// Descriptor is that of the index.
func (x *Index) Descriptor() ocispec.Descriptor {
	return descriptor(ocispec.MediaTypeImageIndex, x.Raw)
}

// Layers are those of all images, each once.
func (x *Index) Layers() (all []Layer) {
	seen := map[digest.Digest]bool{}
	for _, i := range x.Images {
		for _, l := range i.Layers {
			if !seen[l.Descriptor.Digest] {
				all = append(all, l)
			}
			seen[l.Descriptor.Digest] = true
		}
	}
	return all
}

// LayersSize is the size in bytes of all layers as their descriptors have it.
func (x *Index) LayersSize() (bytes int64) {
	for _, l := range x.Layers() {
		bytes += l.Descriptor.Size
	}
	return bytes
}

// WriteArchive writes an OCI image layout with the index and all images, each of
// whose layers can be opened. The index has the names.
func (x *Index) WriteArchive(ctx context.Context, w io.Writer, names []string) error {
	roots, _, err := named(x.Descriptor(), names)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	if err := writeLayers(ctx, archive, x.Layers()); err != nil {
		return err
	}
	documents := [][]byte{x.Raw}
	for _, i := range x.Images {
		documents = append(documents, i.RawConfig, i.RawManifest)
	}
	if err := writeLayout(archive, documents, roots); err != nil {
		return err
	}
	return archive.Close()
}
