package image

import (
	"fmt"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func (f *archiveFiles) document(name string, into any) error {
	data, ok := f.documents[name]
	if !ok {
		return fmt.Errorf("the archive has no %s", name)
	}
	if data == nil {
		return Excess("%s has more than %d bytes, or all documents have more than %d", name, MaxDocument, maxDocuments)
	}
	if err := Decode(data, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// archiveManifest is an element of manifest.json of a docker-archive.
type archiveManifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func (f *archiveFiles) fromManifest() (*Image, error) {
	var manifests []archiveManifest
	if err := f.document("manifest.json", &manifests); err != nil {
		return nil, err
	}
	if len(manifests) != 1 {
		return nil, fmt.Errorf("manifest.json names %d images, want 1", len(manifests))
	}
	saved := &Image{}
	for _, name := range manifests[0].Layers {
		saved.Layers = append(saved.Layers, Layer{Path: name})
	}
	if err := f.document(manifests[0].Config, &saved.Config); err != nil {
		return nil, err
	}
	saved.RawConfig = f.documents[path.Clean(manifests[0].Config)]
	return saved, f.collect(saved)
}

func (f *archiveFiles) fromIndex(arch string) (*Image, error) {
	var index ocispec.Index
	if err := f.document(ocispec.ImageIndexFile, &index); err != nil {
		return nil, err
	}
	saved, err := f.find(index.Manifests, arch, map[string]bool{})
	if err != nil {
		return nil, err
	}
	if saved == nil {
		return nil, fmt.Errorf("the image has no manifest for %s", arch)
	}
	return saved, f.collect(saved)
}

// find returns the image for arch behind one of the descriptors, which may be
// those of indexes, or nil. Manifests that the archive lacks, as an engine that
// pulled one platform only leaves them out, and attestations are passed over, as
// is what was seen before.
func (f *archiveFiles) find(descriptors []ocispec.Descriptor, arch string, seen map[string]bool) (*Image, error) {
	for _, descriptor := range descriptors {
		name := blobPath(descriptor.Digest)
		if _, ok := f.documents[name]; !ok || seen[name] {
			continue
		}
		seen[name] = true
		if isIndex(descriptor.MediaType) {
			var index ocispec.Index
			if err := f.document(name, &index); err != nil {
				return nil, err
			}
			if saved, err := f.find(index.Manifests, arch, seen); saved != nil || err != nil {
				return saved, err
			}
			continue
		}
		var manifest ocispec.Manifest
		if err := f.document(name, &manifest); err != nil {
			return nil, err
		}
		saved := &Image{}
		if err := f.document(blobPath(manifest.Config.Digest), &saved.Config); err != nil {
			return nil, err
		}
		saved.RawConfig = f.documents[blobPath(manifest.Config.Digest)]
		if saved.Config.OS != "linux" || saved.Config.Architecture != arch {
			continue
		}
		for _, l := range manifest.Layers {
			l.MediaType = OCILayerType(l.MediaType)
			saved.Layers = append(saved.Layers, Layer{Path: blobPath(l.Digest), Descriptor: l})
		}
		return saved, nil
	}
	return nil, nil
}

// collect gives the layers what was read of them.
func (f *archiveFiles) collect(saved *Image) error {
	ids := saved.Config.RootFS.DiffIDs
	if got, want := len(saved.Layers), len(ids); got != want {
		return fmt.Errorf("the image has %d layers, its configuration names %d", got, want)
	}
	if len(saved.Layers) > MaxLayers {
		return TooManyLayers(len(saved.Layers))
	}
	for i := range saved.Layers {
		name := saved.Layers[i].Path
		for range len(f.links) { // a link may lead to a link
			target, ok := f.links[name]
			if !ok {
				break
			}
			name = target
		}
		saved.Layers[i].DiffID, saved.Layers[i].Listing = ids[i], f.layers[name]
	}
	return nil
}

// blobPath is where a layout has a blob, also for what is only called a digest.
func blobPath(d digest.Digest) string {
	algorithm, encoded, _ := strings.Cut(d.String(), ":")
	return path.Join("blobs", algorithm, encoded)
}

func isIndex(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageIndex || mediaType == "application/vnd.docker.distribution.manifest.list.v2+json"
}

// OCILayerType returns the OCI name of a layer's media type, so that layers of
// Docker and OCI images can stand in one manifest. The bytes are the same.
func OCILayerType(mediaType string) string {
	switch mediaType {
	case "application/vnd.docker.image.rootfs.diff.tar":
		return ocispec.MediaTypeImageLayer
	case "application/vnd.docker.image.rootfs.diff.tar.gzip":
		return ocispec.MediaTypeImageLayerGzip
	case "application/vnd.docker.image.rootfs.diff.tar.zstd":
		return ocispec.MediaTypeImageLayerZstd
	}
	return mediaType
}
