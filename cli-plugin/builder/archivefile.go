package builder

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
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

// writeArchive writes the whole image with its names.
func (a artifact) writeArchive(ctx context.Context, w io.Writer, names []string, format ArchiveFormat) error {
	archive := tar.NewWriter(w)
	written := map[digest.Digest]bool{}
	listed := archiveManifest{Config: blobPath(digest.FromBytes(a.config))}
	for _, l := range a.layers {
		name := blobPath(l.descriptor.Digest)
		listed.Layers = append(listed.Layers, name)
		if written[l.descriptor.Digest] {
			continue
		}
		written[l.descriptor.Digest] = true
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
		root := a.root
		root.Annotations = map[string]string{"io.containerd.image.name": named.String()}
		if tagged, ok := named.(reference.Tagged); ok {
			root.Annotations[ocispec.AnnotationRefName] = tagged.Tag()
		}
		roots = append(roots, root)
		listed.RepoTags = append(listed.RepoTags, reference.FamiliarString(named))
	}
	if err := a.writeDocuments(archive, roots...); err != nil {
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

func (b blob) writeTo(ctx context.Context, archive *tar.Writer, name string) (err error) {
	content, err := b.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: b.descriptor.Size}); err != nil {
		return err
	}
	verifier := b.descriptor.Digest.Verifier()
	if _, err := io.Copy(archive, io.TeeReader(contextReader{ctx, content}, verifier)); err != nil {
		return err
	}
	if !verifier.Verified() {
		return fmt.Errorf("what was read is not %s", b.descriptor.Digest)
	}
	return nil
}

// writeWhole has write make the file name, which is there only when it is
// whole.
func writeWhole(l *state.Lease, name string, write func(io.Writer) error) (err error) {
	part, err := l.Part(name)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return notWritable(name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part))
		}
	}()
	err = errors.Join(write(file), file.Chmod(0o644), file.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(part, name); err != nil {
		return notWritable(name, err)
	}
	return nil
}

func notWritable(name string, err error) error {
	return problem.New(problem.NotWritable, "the archive "+name+" cannot be written", err, "Name a place that exists and can be written to")
}
