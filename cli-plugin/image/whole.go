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
	archive := tar.NewWriter(w)
	written := map[digest.Digest]bool{}
	listed := archiveManifest{Config: blobPath(digest.FromBytes(i.RawConfig))}
	for _, l := range i.Layers {
		name := blobPath(l.Descriptor.Digest)
		listed.Layers = append(listed.Layers, name)
		if written[l.Descriptor.Digest] {
			continue
		}
		written[l.Descriptor.Digest] = true
		if err := l.writeTo(ctx, archive, name); err != nil {
			return fmt.Errorf("writing %s of the archive: %w", name, err)
		}
	}
	var roots []ocispec.Descriptor
	for _, name := range names {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			return fmt.Errorf("naming the image %s: %w", name, err)
		}
		named = reference.TagNameOnly(named)
		root := i.Descriptor()
		root.Annotations = map[string]string{"io.containerd.image.name": named.String()}
		if tagged, ok := named.(reference.Tagged); ok {
			root.Annotations[ocispec.AnnotationRefName] = tagged.Tag()
		}
		roots = append(roots, root)
		listed.RepoTags = append(listed.RepoTags, reference.FamiliarString(named))
	}
	if err := i.writeDocuments(archive, roots...); err != nil {
		return err
	}
	if format == FormatDocker {
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
