package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

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

// WriteDockerArchive ends a docker-archive that holds, of all layers, those
// that the engine lacks: an engine with a graph driver never opens the others.
// Those that can be opened are written here. It returns the image's ID, the
// digest of its configuration, and announces it before the engine can make the
// image.
func (i *Image) WriteDockerArchive(archive *tar.Writer, announce func(id string) error) (digest.Digest, error) {
	config, err := json.Marshal(i.Config)
	if err != nil {
		return "", fmt.Errorf("encoding the image configuration: %w", err)
	}
	id := digest.FromBytes(config)
	manifest := archiveManifest{Config: id.Encoded() + ".json"}
	for _, l := range i.Layers {
		manifest.Layers = append(manifest.Layers, l.Path)
	}
	manifests, err := json.Marshal([]archiveManifest{manifest})
	if err != nil {
		return "", fmt.Errorf("encoding manifest.json: %w", err)
	}
	if err := announce(id.String()); err != nil {
		return "", err
	}
	for _, l := range i.Layers {
		if l.Open == nil {
			continue
		}
		if err := l.copyPlain(archive); err != nil {
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

// WriteLayout ends an OCI image layout that holds, of all layers, those that
// the engine lacks: containerd's store takes the others from itself. Those that
// can be opened are written here. It returns the image's ID, the digest of its
// manifest, and announces it before the engine can make the image.
func (i *Image) WriteLayout(archive *tar.Writer, announce func(id string) error) (digest.Digest, error) {
	whole, err := i.Encode()
	if err != nil {
		return "", err
	}
	root := whole.Descriptor()
	if err := announce(root.Digest.String()); err != nil {
		return "", err
	}
	for _, l := range i.Layers {
		if l.Open == nil {
			continue
		}
		content, err := l.Open()
		if err == nil {
			err = copyFile(archive, blobPath(l.Descriptor.Digest), content)
		}
		if err != nil {
			return "", err
		}
	}
	if err := whole.writeDocuments(archive, root); err != nil {
		return "", err
	}
	return root.Digest, archive.Close()
}

// copyPlain writes a layer without its compression to its place in a
// docker-archive. One that has a compression is small enough for memory.
func (l Layer) copyPlain(archive *tar.Writer) error {
	plain, form, err := l.Plain()
	if err != nil {
		return err
	}
	if form != "" || l.Descriptor.MediaType != ocispec.MediaTypeImageLayer {
		return copyFile(archive, l.Path, plain)
	}
	err = archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: l.Path, Mode: 0o644, Size: l.Descriptor.Size})
	if err == nil {
		_, err = io.Copy(archive, plain)
	}
	if err = errors.Join(err, plain.Close()); err != nil {
		return fmt.Errorf("writing %s of the archive: %w", l.Path, err)
	}
	return nil
}

// copyFile writes a layer that was made here, and closes it.
func copyFile(archive *tar.Writer, name string, content io.ReadCloser) error {
	data, err := io.ReadAll(content)
	if err = errors.Join(err, content.Close()); err != nil {
		return err
	}
	return writeFile(archive, name, data)
}

// Encode returns the image with its configuration, unless it has one already,
// and its OCI manifest. Each layer has a descriptor.
func (i *Image) Encode() (*Image, error) {
	whole := *i
	var err error
	if whole.RawConfig == nil {
		if whole.RawConfig, err = json.Marshal(i.Config); err != nil {
			return nil, fmt.Errorf("encoding the image configuration: %w", err)
		}
	}
	manifest := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    descriptor(ocispec.MediaTypeImageConfig, whole.RawConfig),
	}
	for _, l := range i.Layers {
		manifest.Layers = append(manifest.Layers, l.Descriptor)
	}
	if whole.RawManifest, err = json.Marshal(manifest); err != nil {
		return nil, fmt.Errorf("encoding the image manifest: %w", err)
	}
	return &whole, nil
}

// With is the image, which was encoded elsewhere, with its layers as they are found
// in other places; nil where its manifest is none of OCI, or names others.
func (i *Image) With(layers []Layer) *Image {
	var manifest ocispec.Manifest
	if len(i.RawManifest) == 0 || json.Unmarshal(i.RawManifest, &manifest) != nil || manifest.MediaType != ocispec.MediaTypeImageManifest {
		return nil
	}
	same := func(named ocispec.Descriptor, l Layer) bool {
		return named.Digest == l.Descriptor.Digest && named.MediaType == l.Descriptor.MediaType
	}
	if !slices.EqualFunc(manifest.Layers, layers, same) {
		return nil
	}
	with := *i
	with.Layers = layers
	return &with
}

// Descriptor is that of the manifest of an encoded image.
func (i *Image) Descriptor() ocispec.Descriptor {
	root := descriptor(ocispec.MediaTypeImageManifest, i.RawManifest)
	platform := i.Config.Platform
	root.Platform = &platform
	return root
}

// writeDocuments writes all of an OCI image layout but the layers. Roots are
// the entries of its index.
func (i *Image) writeDocuments(archive *tar.Writer, roots ...ocispec.Descriptor) error {
	return writeLayout(archive, [][]byte{i.RawConfig, i.RawManifest}, roots)
}

// writeLayout writes the documents of an OCI image layout as blobs, its index with
// the entries roots, and what makes it one.
func writeLayout(archive *tar.Writer, documents [][]byte, roots []ocispec.Descriptor) error {
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
	for _, data := range documents {
		if err := writeFile(archive, blobPath(digest.FromBytes(data)), data); err != nil {
			return err
		}
	}
	if err := writeFile(archive, ocispec.ImageIndexFile, index); err != nil {
		return err
	}
	return writeFile(archive, ocispec.ImageLayoutFile, layout)
}

func descriptor(mediaType string, data []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
}
