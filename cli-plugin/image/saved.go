package image

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Reading says what is done with a save stream while it passes by.
type Reading struct {
	Keep    KeepFunc              // nil: layers are not looked into
	Forward *tar.Writer           // gets every layer as it is; nil: none
	Layer   func(io.Reader) error // gets every layer instead; nil: none
}

// Limits of what is read.
const (
	MaxDocument  = 8 << 20  // bytes of a JSON document of an image
	maxDocuments = 16 << 20 // bytes of all those that are held of a save stream
	maxFiles     = 100_000  // files of a save stream
)

// archiveFiles are the parts of a save stream by their path in it.
type archiveFiles struct {
	documents map[string][]byte // configs, manifests, indexes; nil where one is too large
	layers    map[string]*Listing
	links     map[string]string
	left      *Budget // of what is held of the layers
	held      int64   // bytes of documents
}

// ReadSaved reads an engine's save stream of one image once. In a graph driver's
// stream the layers are known by their place in the archive, in one of
// containerd's store (oci) by their descriptors as well, and of several
// platforms the one of arch is taken.
func ReadSaved(stream io.Reader, how Reading, arch string, oci bool) (*Image, error) {
	files := archiveFiles{
		documents: map[string][]byte{}, layers: map[string]*Listing{}, links: map[string]string{}, left: NewBudget(),
	}
	archive := tar.NewReader(stream)
	for n := 0; ; n++ {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && n >= maxFiles {
			err = Excess("the archive has more than %d files", maxFiles)
		}
		if err == nil && len(header.Name)+len(header.Linkname) > maxPath {
			err = Excess("the archive has a path of more than %d bytes", maxPath)
		}
		if err != nil {
			return nil, err
		}
		name := path.Clean(header.Name)
		switch header.Typeflag {
		case tar.TypeSymlink: // a layer that an image has twice
			files.links[name] = path.Join(path.Dir(name), header.Linkname)
			if how.Forward != nil {
				err = how.Forward.WriteHeader(header)
			}
		case tar.TypeReg:
			err = files.read(name, header.Size, bufio.NewReaderSize(archive, 64<<10), how)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	from := files.fromManifest
	if oci {
		from = func() (*Image, error) { return files.fromIndex(arch) }
	}
	saved, err := from()
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(saved.Layers, func(l Layer) bool { return l.Listing == nil }); how.Keep != nil && i >= 0 {
		return nil, fmt.Errorf("the archive has no layer %s", saved.Layers[i].Path)
	}
	return saved, nil
}

func (f *archiveFiles) read(name string, size int64, body *bufio.Reader, how Reading) error {
	// A tar header has its magic at byte 257; nothing else that starts with a
	// brace is a layer.
	head, err := body.Peek(262)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	isTar := len(head) == 262 && string(head[257:]) == "ustar"
	if len(head) > 0 && (head[0] == '{' || head[0] == '[') && !isTar {
		if f.documents[name] = nil; size > MaxDocument || f.held+size > maxDocuments {
			return nil // it may be of another image, or an attestation
		}
		f.held += size
		f.documents[name], err = io.ReadAll(body)
		return err
	}
	if path.Base(name) != "layer.tar" && !strings.HasPrefix(name, "blobs/") {
		return nil
	}
	if how.Layer != nil {
		return how.Layer(body)
	}
	var source io.Reader = body
	if how.Forward != nil {
		if err := how.Forward.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size}); err != nil {
			return err
		}
		source = io.TeeReader(body, how.Forward)
	}
	if how.Keep != nil {
		plain, err := Decompress(head, source)
		if err != nil {
			return err
		}
		f.layers[name], err = ReadListing(plain, how.Keep, f.left)
		if err := errors.Join(err, plain.Close()); err != nil {
			return err
		}
	}
	_, err = io.Copy(io.Discard, source)
	return err
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

func (f *archiveFiles) document(name string, into any) error {
	data, ok := f.documents[name]
	if !ok {
		return fmt.Errorf("the archive has no %s", name)
	}
	if data == nil {
		return Excess("%s has more than %d bytes, or all documents have more than %d", name, MaxDocument, maxDocuments)
	}
	if err := Decode(data, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// archiveManifest is an element of manifest.json of a docker-archive.
type archiveManifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func (f *archiveFiles) fromManifest() (*Image, error) {
	var manifests []archiveManifest
	if err := f.document("manifest.json", &manifests); err != nil {
		return nil, err
	}
	if len(manifests) != 1 {
		return nil, fmt.Errorf("manifest.json names %d images, want 1", len(manifests))
	}
	saved := &Image{}
	for _, name := range manifests[0].Layers {
		saved.Layers = append(saved.Layers, Layer{Path: name})
	}
	if err := f.document(manifests[0].Config, &saved.Config); err != nil {
		return nil, err
	}
	saved.RawConfig = f.documents[path.Clean(manifests[0].Config)]
	return saved, f.collect(saved)
}

func (f *archiveFiles) fromIndex(arch string) (*Image, error) {
	var index ocispec.Index
	if err := f.document(ocispec.ImageIndexFile, &index); err != nil {
		return nil, err
	}
	saved, err := f.find(index.Manifests, arch, map[string]bool{})
	if err != nil {
		return nil, err
	}
	if saved == nil {
		return nil, fmt.Errorf("the image has no manifest for %s", arch)
	}
	return saved, f.collect(saved)
}

// find returns the image for arch behind one of the descriptors, which may be
// those of indexes, or nil. Manifests that the archive lacks, as an engine that
// pulled one platform only leaves them out, and attestations are passed over, as
// is what was seen before.
func (f *archiveFiles) find(descriptors []ocispec.Descriptor, arch string, seen map[string]bool) (*Image, error) {
	for _, descriptor := range descriptors {
		name := blobPath(descriptor.Digest)
		if _, ok := f.documents[name]; !ok || seen[name] {
			continue
		}
		seen[name] = true
		if isIndex(descriptor.MediaType) {
			var index ocispec.Index
			if err := f.document(name, &index); err != nil {
				return nil, err
			}
			if saved, err := f.find(index.Manifests, arch, seen); saved != nil || err != nil {
				return saved, err
			}
			continue
		}
		var manifest ocispec.Manifest
		if err := f.document(name, &manifest); err != nil {
			return nil, err
		}
		saved := &Image{}
		if err := f.document(blobPath(manifest.Config.Digest), &saved.Config); err != nil {
			return nil, err
		}
		saved.RawConfig = f.documents[blobPath(manifest.Config.Digest)]
		if saved.Config.OS != "linux" || saved.Config.Architecture != arch {
			continue
		}
		for _, l := range manifest.Layers {
			l.MediaType = OCILayerType(l.MediaType)
			saved.Layers = append(saved.Layers, Layer{Path: blobPath(l.Digest), Descriptor: l})
		}
		return saved, nil
	}
	return nil, nil
}

// collect gives the layers what was read of them.
func (f *archiveFiles) collect(saved *Image) error {
	ids := saved.Config.RootFS.DiffIDs
	if got, want := len(saved.Layers), len(ids); got != want {
		return fmt.Errorf("the image has %d layers, its configuration names %d", got, want)
	}
	if len(saved.Layers) > MaxLayers {
		return TooManyLayers(len(saved.Layers))
	}
	for i := range saved.Layers {
		name := saved.Layers[i].Path
		for range len(f.links) { // a link may lead to a link
			target, ok := f.links[name]
			if !ok {
				break
			}
			name = target
		}
		saved.Layers[i].DiffID, saved.Layers[i].Listing = ids[i], f.layers[name]
	}
	return nil
}

// blobPath is where a layout has a blob, also for what is only called a digest.
func blobPath(d digest.Digest) string {
	algorithm, encoded, _ := strings.Cut(d.String(), ":")
	return path.Join("blobs", algorithm, encoded)
}

func isIndex(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageIndex || mediaType == "application/vnd.docker.distribution.manifest.list.v2+json"
}

// OCILayerType returns the OCI name of a layer's media type, so that layers of
// Docker and OCI images can stand in one manifest. The bytes are the same.
func OCILayerType(mediaType string) string {
	switch mediaType {
	case "application/vnd.docker.image.rootfs.diff.tar":
		return ocispec.MediaTypeImageLayer
	case "application/vnd.docker.image.rootfs.diff.tar.gzip":
		return ocispec.MediaTypeImageLayerGzip
	case "application/vnd.docker.image.rootfs.diff.tar.zstd":
		return ocispec.MediaTypeImageLayerZstd
	}
	return mediaType
}
