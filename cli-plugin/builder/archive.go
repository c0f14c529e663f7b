package builder

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ownLayer is a layer made here, small enough for memory.
type ownLayer struct {
	data       []byte // uncompressed tar
	diffID     digest.Digest
	compressed []byte
	descriptor ocispec.Descriptor
}

func newOwnLayer(data []byte, form Compression) (ownLayer, error) {
	var compressed bytes.Buffer
	z, err := form.writer(&compressed)
	if err != nil {
		return ownLayer{}, err
	}
	if _, err := z.Write(data); err != nil {
		return ownLayer{}, err
	}
	if err := z.Close(); err != nil {
		return ownLayer{}, err
	}
	return ownLayer{
		data: data, diffID: digest.FromBytes(data), compressed: compressed.Bytes(),
		descriptor: descriptor(form.mediaType(), compressed.Bytes()),
	}, nil
}

// path is the layer's place in a docker-archive.
func (l ownLayer) path() string { return l.diffID.Encoded() + "/layer.tar" }

func (l ownLayer) stratum(created time.Time, by string) stratum {
	return stratum{
		diffIDs: []digest.Digest{l.diffID}, paths: []string{l.path()}, descriptors: []ocispec.Descriptor{l.descriptor},
		history: []ocispec.History{{Created: &created, CreatedBy: by}},
	}
}

// opaqueMarker is a layer that hides what the layers below it have in dir, a
// folder of the root directory.
func opaqueMarker(dir string, mtime time.Time) ([]byte, error) {
	var b bytes.Buffer
	archive := tar.NewWriter(&b)
	for _, header := range []*tar.Header{
		{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: mtime},
		{Typeflag: tar.TypeReg, Name: dir + "/" + whiteoutOpaque, Mode: 0o644, ModTime: mtime},
	} {
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
	}
	err := archive.Close()
	return b.Bytes(), err
}

func writeFile(archive *tar.Writer, name string, data []byte) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))}
	if err := archive.WriteHeader(header); err != nil {
		return fmt.Errorf("writing %s of the archive: %w", name, err)
	}
	if _, err := archive.Write(data); err != nil {
		return fmt.Errorf("writing %s of the archive: %w", name, err)
	}
	return nil
}

// writeDockerArchive ends a docker-archive that holds, of all layers, those
// that the engine lacks: an engine with a graph driver never opens the others.
// It returns the image's ID, the digest of its configuration, and announces it
// before the engine can make the image.
func writeDockerArchive(archive *tar.Writer, made composition, announce func(id string) error) (digest.Digest, error) {
	config, err := json.Marshal(made.config)
	if err != nil {
		return "", fmt.Errorf("encoding the image configuration: %w", err)
	}
	id := digest.FromBytes(config)
	manifest := archiveManifest{Config: id.Encoded() + ".json"}
	for _, s := range made.strata {
		manifest.Layers = append(manifest.Layers, s.paths...)
	}
	manifests, err := json.Marshal([]archiveManifest{manifest})
	if err != nil {
		return "", fmt.Errorf("encoding manifest.json: %w", err)
	}
	if err := announce(id.String()); err != nil {
		return "", err
	}
	for _, l := range made.own {
		if err := writeFile(archive, l.path(), l.data); err != nil {
			return "", err
		}
	}
	if err := writeFile(archive, manifest.Config, config); err != nil {
		return "", err
	}
	if err := writeFile(archive, "manifest.json", manifests); err != nil {
		return "", err
	}
	return id, archive.Close()
}

// writeLayout ends an OCI image layout that holds, of all layers, those that
// the engine lacks: containerd's store takes the others from itself. It
// returns the image's ID, the digest of its manifest, and announces it before
// the engine can make the image.
func writeLayout(archive *tar.Writer, made composition, announce func(id string) error) (digest.Digest, error) {
	config, err := json.Marshal(made.config)
	if err != nil {
		return "", fmt.Errorf("encoding the image configuration: %w", err)
	}
	image, err := encode(config, made.config.Platform, made.descriptors())
	if err != nil {
		return "", err
	}
	if err := announce(image.root.Digest.String()); err != nil {
		return "", err
	}
	for _, l := range made.own {
		if err := writeFile(archive, blobPath(l.descriptor.Digest), l.compressed); err != nil {
			return "", err
		}
	}
	if err := image.writeDocuments(archive, image.root); err != nil {
		return "", err
	}
	return image.root.Digest, archive.Close()
}

// encodedImage is an OCI image but for its layers.
type encodedImage struct {
	config   []byte
	manifest []byte
	root     ocispec.Descriptor // of the manifest
}

func encode(config []byte, platform ocispec.Platform, layers []ocispec.Descriptor) (encodedImage, error) {
	manifest, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    descriptor(ocispec.MediaTypeImageConfig, config),
		Layers:    layers,
	})
	if err != nil {
		return encodedImage{}, fmt.Errorf("encoding the image manifest: %w", err)
	}
	root := descriptor(ocispec.MediaTypeImageManifest, manifest)
	root.Platform = &platform
	return encodedImage{config, manifest, root}, nil
}

// writeDocuments writes all of an OCI image layout but the layers. Roots are
// the entries of its index.
func (i encodedImage) writeDocuments(archive *tar.Writer, roots ...ocispec.Descriptor) error {
	index, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: roots,
	})
	if err != nil {
		return fmt.Errorf("encoding the index: %w", err)
	}
	layout, err := json.Marshal(ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})
	if err != nil {
		return fmt.Errorf("encoding %s: %w", ocispec.ImageLayoutFile, err)
	}
	for _, file := range []struct {
		name string
		data []byte
	}{
		{blobPath(digest.FromBytes(i.config)), i.config},
		{blobPath(i.root.Digest), i.manifest},
		{ocispec.ImageIndexFile, index},
		{ocispec.ImageLayoutFile, layout},
	} {
		if err := writeFile(archive, file.name, file.data); err != nil {
			return err
		}
	}
	return nil
}

func descriptor(mediaType string, data []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
}
