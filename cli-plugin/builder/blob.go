package builder

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// blob is a layer as registries and archives keep it. It implements v1.Layer.
type blob struct {
	descriptor ocispec.Descriptor
	diffID     digest.Digest
	proven     bool // the content was made or read here, and has the diff ID
	open       func() (io.ReadCloser, error)
	in         *name.Repository // that has it; nil: none
}

// prove compares the diff ID of the content with the one that an image says of
// it.
func (b *blob) prove(got digest.Digest) error {
	if b.proven = got == b.diffID; !b.proven {
		return problem.New(problem.RegistryFailed, fmt.Sprintf("the layer %s is not the one that the configuration of its image names", b.descriptor.Digest),
			fmt.Errorf("its diff ID is %s, the configuration says %s", got, b.diffID),
			"Do not use this image: have its owner push it anew, or take it from another registry")
	}
	return nil
}

// compression is "" where the layer has none, or one that is not known here.
func (b blob) compression() Compression {
	for _, c := range []Compression{Gzip, Zstd} {
		if b.descriptor.MediaType == c.mediaType() {
			return c
		}
	}
	return ""
}

// Digest implements v1.Layer.
func (b blob) Digest() (v1.Hash, error) { return v1.NewHash(b.descriptor.Digest.String()) }

// DiffID implements v1.Layer.
func (b blob) DiffID() (v1.Hash, error) { return v1.NewHash(b.diffID.String()) }

// Compressed implements v1.Layer.
func (b blob) Compressed() (io.ReadCloser, error) { return b.open() }

// Uncompressed implements v1.Layer.
func (b blob) Uncompressed() (io.ReadCloser, error) { return b.plain() }

func (b blob) plain() (*plainLayer, error) {
	raw, err := b.open()
	if err != nil {
		return nil, err
	}
	buffered := bufio.NewReader(raw)
	head, err := buffered.Peek(4)
	if err != nil && err != io.EOF {
		return nil, errors.Join(err, raw.Close())
	}
	plain, err := decompress(head, buffered)
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return &plainLayer{plain, raw, compressionOf(head)}, nil
}

// plainLayer closes what it decompresses as well.
type plainLayer struct {
	io.ReadCloser
	raw  io.Closer
	form Compression // that is undone
}

// Close implements io.Closer.
func (p *plainLayer) Close() error { return errors.Join(p.ReadCloser.Close(), p.raw.Close()) }

// Size implements v1.Layer.
func (b blob) Size() (int64, error) { return b.descriptor.Size, nil }

// MediaType implements v1.Layer.
func (b blob) MediaType() (types.MediaType, error) {
	return types.MediaType(b.descriptor.MediaType), nil
}
