package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ArchiveFormat is a kind of archive with an image.
type ArchiveFormat string

// The formats: an OCI image layout, and the same with the manifest.json that
// "docker load" of every engine reads.
const (
	FormatOCI    ArchiveFormat = "oci"
	FormatDocker ArchiveFormat = "docker"
)

// WriteArchive writes an encoded image, all of whose layers can be opened, with
// its names.
func (i *Image) WriteArchive(ctx context.Context, w io.Writer, names []string, format ArchiveFormat) error {
	roots, familiar, err := named(i.Descriptor(), names)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	if err := writeLayers(ctx, archive, i.Layers); err != nil {
		return err
	}
	if err := i.writeDocuments(archive, roots...); err != nil {
		return err
	}
	if format == FormatDocker {
		listed := archiveManifest{Config: blobPath(digest.FromBytes(i.RawConfig)), RepoTags: familiar}
		for _, l := range i.Layers {
			listed.Layers = append(listed.Layers, blobPath(l.Descriptor.Digest))
		}
		data, err := json.Marshal([]archiveManifest{listed})
		if err != nil {
			return fmt.Errorf("encoding manifest.json: %w", err)
		}
		if err := writeFile(archive, "manifest.json", data); err != nil {
			return err
		}
	}
	return archive.Close()
}

// named are the entries of a layout's index for what root describes, one for each
// of its names, and the names as people write them.
func named(root ocispec.Descriptor, names []string) (roots []ocispec.Descriptor, familiar []string, err error) {
	for _, name := range names {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			return nil, nil, fmt.Errorf("naming the image %s: %w", name, err)
		}
		named = reference.TagNameOnly(named)
		root.Annotations = map[string]string{"io.containerd.image.name": named.String()}
		if tagged, ok := named.(reference.Tagged); ok {
			root.Annotations[ocispec.AnnotationRefName] = tagged.Tag()
		}
		roots, familiar = append(roots, root), append(familiar, reference.FamiliarString(named))
	}
	return roots, familiar, nil
}

// writeLayers writes layers to a layout, one that is there twice once.
func writeLayers(ctx context.Context, archive *tar.Writer, layers []Layer) error {
	written := map[digest.Digest]bool{}
	for _, l := range layers {
		if written[l.Descriptor.Digest] {
			continue
		}
		written[l.Descriptor.Digest] = true
		name := blobPath(l.Descriptor.Digest)
		if err := l.writeTo(ctx, archive, name); err != nil {
			return fmt.Errorf("writing %s of the archive: %w", name, err)
		}
	}
	return nil
}

func (l Layer) writeTo(ctx context.Context, archive *tar.Writer, name string) (err error) {
	content, err := l.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: l.Descriptor.Size}); err != nil {
		return err
	}
	verifier := l.Descriptor.Digest.Verifier()
	if _, err := io.Copy(archive, io.TeeReader(contextReader{ctx, content}, verifier)); err != nil {
		return err
	}
	if !verifier.Verified() {
		return fmt.Errorf("what was read is not %s", l.Descriptor.Digest)
	}
	return nil
}
