package image

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Layer is a layer of an image. What is not known of it is empty.
type Layer struct {
	DiffID digest.Digest // of its tar stream without compression
	Proven bool          // the content was made or read here, and has the diff ID

	Descriptor ocispec.Descriptor            // as registries and OCI layouts keep it
	Open       func() (io.ReadCloser, error) // its content as of the descriptor; nil: only an engine has it
	In         *name.Repository              // that has it
	Path       string                        // its place in a docker-archive
	Listing    *Listing                      // what is in it
}

// NewLayer makes a layer of a tar stream, small enough for memory.
func NewLayer(data []byte, form Compression) (Layer, error) {
	var compressed bytes.Buffer
	z, err := form.Writer(&compressed)
	if err != nil {
		return Layer{}, err
	}
	if _, err := z.Write(data); err != nil {
		return Layer{}, err
	}
	if err := z.Close(); err != nil {
		return Layer{}, err
	}
	id := digest.FromBytes(data)
	return Layer{
		DiffID: id, Proven: true, Descriptor: descriptor(form.MediaType(), compressed.Bytes()), Path: archivePath(id),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(compressed.Bytes())), nil },
	}, nil
}

// archivePath is a layer's place in a docker-archive that is made here.
func archivePath(id digest.Digest) string { return id.Encoded() + "/layer.tar" }

// OfEngine are the layers with these diff IDs, which an engine has.
func OfEngine(ids []digest.Digest) []Layer {
	layers := make([]Layer, len(ids))
	for i, id := range ids {
		layers[i] = Layer{DiffID: id, Path: archivePath(id)}
	}
	return layers
}

// Prove compares the diff ID of the content with the one that an image says of
// it.
func (l *Layer) Prove(got digest.Digest) error {
	if l.Proven = got == l.DiffID; !l.Proven {
		return problem.New(problem.RegistryFailed, fmt.Sprintf("the layer %s is not the one that the configuration of its image names", l.Descriptor.Digest),
			fmt.Errorf("its diff ID is %s, the configuration says %s", got, l.DiffID),
			"Do not use this image: have its owner push it anew, or take it from another registry")
	}
	return nil
}

// Compression is "" where the layer has none, or one that is not known here.
func (l Layer) Compression() Compression {
	for _, c := range []Compression{Gzip, Zstd} {
		if l.Descriptor.MediaType == c.MediaType() {
			return c
		}
	}
	return ""
}

// Plain opens the layer without its compression, which it returns.
func (l Layer) Plain() (io.ReadCloser, Compression, error) {
	raw, err := l.Open()
	if err != nil {
		return nil, "", err
	}
	buffered := bufio.NewReader(raw)
	head, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", errors.Join(err, raw.Close())
	}
	plain, err := Decompress(head, buffered)
	if err != nil {
		return nil, "", errors.Join(err, raw.Close())
	}
	return &plainLayer{plain, raw}, CompressionOf(head), nil
}

// plainLayer closes what it decompresses as well.
type plainLayer struct {
	io.ReadCloser
	raw io.Closer
}

// Close implements io.Closer.
func (p *plainLayer) Close() error { return errors.Join(p.ReadCloser.Close(), p.raw.Close()) }

// Layers is a run of layers of one origin in an image.
type Layers struct {
	Layers  []Layer           // lowest first
	History []ocispec.History // with one entry a layer beside those of empty layers, else it is synthesised
	Origin  string            // for a history that is synthesised
}

// DiffIDs are the layers' diff IDs.
func DiffIDs(layers []Layer) []digest.Digest {
	ids := make([]digest.Digest, len(layers))
	for i, l := range layers {
		ids[i] = l.DiffID
	}
	return ids
}

// history returns exactly one entry a layer beside those of empty layers, as
// the image specification wants it.
func (l Layers) history(created time.Time) []ocispec.History {
	layers := 0
	for _, h := range l.History {
		if !h.EmptyLayer {
			layers++
		}
	}
	if layers == len(l.Layers) {
		return l.History
	}
	history := make([]ocispec.History, len(l.Layers))
	for i := range history {
		history[i] = ocispec.History{Created: &created, CreatedBy: l.Origin}
	}
	return history
}

// Interruptible returns r, which ends with ctx.
func Interruptible(ctx context.Context, r io.Reader) io.Reader { return contextReader{ctx, r} }

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
