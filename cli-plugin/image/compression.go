package image

import (
	"bytes"
	"fmt"
	"io"

	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Compression is how layers are compressed.
type Compression string

// The compressions. Engines older than Docker 23 cannot pull zstd.
const (
	Gzip Compression = "gzip"
	Zstd Compression = "zstd"
)

// Preferred returns all compressions, c first.
func (c Compression) Preferred() []Compression {
	if c == Zstd {
		return []Compression{Zstd, Gzip}
	}
	return []Compression{Gzip, Zstd}
}

// MediaType is that of a layer.
func (c Compression) MediaType() string {
	if c == Zstd {
		return ocispec.MediaTypeImageLayerZstd
	}
	return ocispec.MediaTypeImageLayerGzip
}

// CompressionOf returns the compression of what starts with head, "" for none.
func CompressionOf(head []byte) Compression {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return Gzip
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return Zstd
	}
	return ""
}

// Writer compresses what is written to it, in bounded memory. The same bytes
// give the same result on every machine.
func (c Compression) Writer(w io.Writer) (io.WriteCloser, error) {
	switch c {
	case Gzip:
		return gzip.NewWriter(w), nil // writes no name and no time
	case Zstd:
		// Layers are compressed once and pulled often. Matches are looked for
		// while the block before is encoded, whatever CPUs there are.
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(2))
	}
	return nil, fmt.Errorf("compressing by %q: not known", string(c))
}

// PayloadTag is the tag of a payload with layers of this compression: one that
// old engines cannot pull must not take the place of one that they can.
func (c Compression) PayloadTag(ordinary string) string {
	if c == Zstd {
		return ordinary + tag.Zstd
	}
	return ordinary
}

// maxWindow is the largest window in bytes of a zstd frame. Decoders are to take
// 8 MB, see RFC 8878; that of zstd's levels up to 20 is no larger than this.
const maxWindow = 32 << 20

// Decompress undoes the compression that the first bytes tell.
func Decompress(head []byte, r io.Reader) (io.ReadCloser, error) {
	switch CompressionOf(head) {
	case Gzip:
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		return atMost(z), nil
	case Zstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return atMost(z.IOReadCloser()), nil
	}
	return atMost(io.NopCloser(r)), nil
}
