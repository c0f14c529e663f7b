package hostile

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Compression is how a layer is compressed.
type Compression string

// The compressions.
const (
	None Compression = "none"
	Gzip Compression = "gzip"
	Zstd Compression = "zstd"
)

func (c Compression) mediaType() string {
	switch c {
	case Gzip:
		return ocispec.MediaTypeImageLayerGzip
	case Zstd:
		return ocispec.MediaTypeImageLayerZstd
	}
	return ocispec.MediaTypeImageLayer
}

func (c Compression) writer(w io.Writer) (io.WriteCloser, error) {
	switch c {
	case Gzip:
		return gzip.NewWriterLevel(w, gzip.BestSpeed)
	case Zstd:
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	}
	return unchanged{w}, nil
}

type unchanged struct{ io.Writer }

func (unchanged) Close() error { return nil }

// Damage is what is wrong with a layer's bytes, empty for nothing.
type Damage string

// The damages.
const (
	Truncated Damage = "the tar stream ends in the middle of an entry"
	Garbage   Damage = "what is compressed is no tar stream"
	OtherTar  Damage = "the diff ID is another layer's"
)

// Published is an image as registries and archives keep it.
type Published struct {
	Manifest []byte
	Config   []byte
	Blobs    map[digest.Digest][]byte // layers and the configuration
	Layers   []digest.Digest          // from the lowest up
}

// Publish encodes the image. The digests are those of what it is made of,
// damaged or not, apart from the diff ID of OtherTar.
func (i *Image) Publish() (Published, error) {
	p := Published{Blobs: map[digest.Digest][]byte{}}
	manifest := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Layers: []ocispec.Descriptor{}}
	put := func(mediaType string, data []byte) ocispec.Descriptor {
		d := digest.FromBytes(data)
		p.Blobs[d] = data
		return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}
	}
	var diffIDs []digest.Digest
	for n, l := range i.Layers {
		plain, packed, err := l.encode()
		if err != nil {
			return Published{}, fmt.Errorf("writing layer %d: %w", n, err)
		}
		diffIDs = append(diffIDs, digest.FromBytes(plain))
		descriptor := put(l.Compression.mediaType(), packed)
		p.Layers = append(p.Layers, descriptor.Digest)
		manifest.Layers = append(manifest.Layers, descriptor)
	}
	config := i.Config
	config.RootFS.DiffIDs = diffIDs
	var err error
	if p.Config, err = json.Marshal(config); err != nil {
		return Published{}, fmt.Errorf("writing the configuration: %w", err)
	}
	manifest.Config = put(ocispec.MediaTypeImageConfig, p.Config)
	p.Manifest, err = json.Marshal(manifest)
	return p, err
}

// encode returns the layer as a tar stream, and compressed.
func (l Layer) encode() (plain, packed []byte, err error) {
	var stream bytes.Buffer
	w := tar.NewWriter(&stream)
	for _, e := range l.Entries {
		if err := e.write(w, &stream); err != nil {
			return nil, nil, fmt.Errorf("%.40q: %w", e.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, nil, err
	}
	switch plain = stream.Bytes(); l.Damage {
	case Truncated:
		plain = plain[:len(plain)-blockSize*3/2]
	case Garbage:
		plain = bytes.Repeat([]byte("no tar\n"), 1000)
	}
	var out bytes.Buffer
	z, err := l.Compression.writer(&out)
	if err != nil {
		return nil, nil, err
	}
	if _, err = z.Write(plain); err == nil {
		err = z.Close()
	}
	if l.Damage == OtherTar {
		plain = make([]byte, 2*blockSize)
	}
	return plain, out.Bytes(), err
}

// blockSize is that of the tar format.
const blockSize = 512

func (e Entry) write(w *tar.Writer, stream *bytes.Buffer) error {
	h := e.Header
	h.Size = int64(len(e.Content))
	if e.Hole > 0 {
		if err := writeRecords(w, stream, map[string]string{
			"GNU.sparse.size": strconv.FormatInt(e.Hole, 10), "GNU.sparse.numblocks": "1", "GNU.sparse.map": fmt.Sprintf("%d,0", e.Hole),
		}); err != nil {
			return err
		}
	}
	if err := w.WriteHeader(&h); err != nil {
		return err
	}
	_, err := io.WriteString(w, e.Content)
	return err
}

// writeRecords writes a PAX header for the entry that comes next. Package tar
// does not write sparse files: an ordinary file is made one by its type.
func writeRecords(w *tar.Writer, stream *bytes.Buffer, records map[string]string) error {
	var text string
	for _, key := range []string{"GNU.sparse.size", "GNU.sparse.numblocks", "GNU.sparse.map"} {
		record := " " + key + "=" + records[key] + "\n"
		length := len(record) + 2
		for len(strconv.Itoa(length))+len(record) != length {
			length++
		}
		text += strconv.Itoa(length) + record
	}
	if err := w.Flush(); err != nil {
		return err
	}
	start := stream.Len()
	err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "PaxHeaders/sparse", Mode: 0o644, Size: int64(len(text))})
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	header := stream.Bytes()[start:][:blockSize]
	const typeflag, checksum = 156, 148
	header[typeflag] = tar.TypeXHeader
	sum := 8 * int(' ')
	for i, b := range header {
		if i < checksum || i >= checksum+8 {
			sum += int(b)
		}
	}
	copy(header[checksum:], fmt.Sprintf("%06o\x00 ", sum))
	return errors.Join(err, w.Flush())
}

// WriteDockerArchive writes the image as docker save does, with a name. Layers
// are not compressed there.
func (i *Image) WriteDockerArchive(w io.Writer, name string) error {
	plain := *i
	plain.Layers = slices.Clone(i.Layers)
	for n := range plain.Layers {
		plain.Layers[n].Compression = None
	}
	p, err := plain.Publish()
	if err != nil {
		return err
	}
	type item struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	manifest := item{Config: "config.json", RepoTags: []string{name}}
	archive := tar.NewWriter(w)
	put := func(name string, data []byte) {
		if err == nil {
			err = archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))})
		}
		if err == nil {
			_, err = archive.Write(data)
		}
	}
	put(manifest.Config, p.Config)
	for n, l := range p.Layers {
		name := fmt.Sprintf("%d/layer.tar", n)
		manifest.Layers = append(manifest.Layers, name)
		put(name, p.Blobs[l])
	}
	index, indexErr := json.Marshal([]item{manifest})
	put("manifest.json", index)
	return errors.Join(err, indexErr, archive.Close())
}

// ReadLayer reads the uncompressed tar stream of a layer, as much of it as this
// package writes.
func ReadLayer(r io.Reader) (Layer, error) {
	l := Layer{Compression: Gzip}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return Layer{}, err
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return Layer{}, err
		}
		l.Entries = append(l.Entries, Entry{Header: tar.Header{
			Typeflag: h.Typeflag, Name: h.Name, Linkname: h.Linkname, Mode: h.Mode, Uid: h.Uid, Gid: h.Gid, Devmajor: h.Devmajor, Devminor: h.Devminor,
		}, Content: string(content)})
	}
}
