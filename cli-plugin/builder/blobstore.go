package builder

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// blobStore keeps layers that leave this machine in files, until they have.
type blobStore struct {
	lease *state.Lease
	lock  sync.Mutex // over dir
	dir   string     // empty: nothing was kept yet
}

// folder is where they are kept.
func (s *blobStore) folder() (_ string, err error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.dir == "" {
		s.dir, err = s.lease.Folder()
	}
	return s.dir, err
}

// add keeps one layer as it passes by. One that is compressed stays as it is,
// unless its compression has to be the given one.
func (s *blobStore) add(ctx context.Context, layer io.Reader, want image.Compression, must bool) (_ image.Layer, err error) {
	dir, err := s.folder()
	if err != nil {
		return image.Layer{}, fmt.Errorf("making a folder for layers: %w", err)
	}
	file, err := os.CreateTemp(dir, "layer-")
	if err != nil {
		return image.Layer{}, fmt.Errorf("keeping a layer: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	body := bufio.NewReaderSize(image.Interruptible(ctx, layer), 64<<10)
	head, err := body.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return image.Layer{}, err
	}
	form := image.CompressionOf(head)
	packed, plain := digest.Canonical.Digester(), digest.Canonical.Digester()
	out := &counter{to: io.MultiWriter(file, packed.Hash())}
	if form == "" || must && form != want {
		form = want
		err = recompress(out, plain.Hash(), head, body, want)
	} else {
		err = forward(out, plain.Hash(), head, body)
	}
	if err != nil {
		return image.Layer{}, fmt.Errorf("keeping a layer: %w", err)
	}
	name := file.Name()
	return image.Layer{
		Descriptor: ocispec.Descriptor{MediaType: form.MediaType(), Digest: packed.Digest(), Size: out.n},
		DiffID:     plain.Digest(),
		Proven:     true,
		Open:       func() (io.ReadCloser, error) { return os.Open(name) },
	}, nil
}

// recompress writes the layer anew to out and as it is inside to plain.
func recompress(out, plain io.Writer, head []byte, layer io.Reader, form image.Compression) error {
	content, err := image.Decompress(head, layer)
	if err != nil {
		return err
	}
	z, err := form.Writer(out)
	if err != nil {
		return errors.Join(err, content.Close())
	}
	_, err = io.Copy(z, io.TeeReader(content, plain))
	return errors.Join(err, z.Close(), content.Close())
}

// forward writes the layer as it is to out and as it is inside to plain.
func forward(out, plain io.Writer, head []byte, layer io.Reader) error {
	whole := io.TeeReader(layer, out)
	content, err := image.Decompress(head, whole)
	if err != nil {
		return err
	}
	_, err = io.Copy(plain, content)
	if err = errors.Join(err, content.Close()); err == nil {
		_, err = io.Copy(io.Discard, whole) // what stands behind the compressed content
	}
	return err
}

// counter counts what is written through it.
type counter struct {
	to io.Writer
	n  int64
}

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}
