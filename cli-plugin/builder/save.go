package builder

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// savedImage is what an engine's save stream says of one image. In a graph
// driver's stream the layers are known by their place in the archive, in a
// containerd store's by their descriptors as well.
type savedImage struct {
	Config      dockerspec.DockerOCIImage
	rawConfig   []byte               // as its digest is over
	Paths       []string             // of the layers in the archive, lowest first
	Descriptors []ocispec.Descriptor // of the layers, lowest first; nil from a graph driver
	layers      []*layer             // lowest first, where they were looked into
}

// reading says what is done with a save stream while it passes by.
type reading struct {
	keep    keepFunc              // nil: layers are not looked into
	forward *tar.Writer           // gets every layer as it is; nil: none
	spool   func(io.Reader) error // gets every layer instead; nil: none
}

// save streams an image from the engine and reads it once. An image without
// layers, which engines do not save, is what its inspection says.
func (e *Engine) save(ctx context.Context, info *Image, how reading) (*savedImage, error) {
	if len(info.DiffIDs()) == 0 {
		return &savedImage{Config: info.Config}, nil
	}
	stream, err := e.api.ImageSave(ctx, []string{info.ID})
	if err != nil {
		return nil, fmt.Errorf("saving image %s: %w", info.ID, err)
	}
	defer stream.Close()
	saved, err := readSaved(stream, how, e.arch, e.containerd)
	if err != nil {
		return nil, fmt.Errorf("reading the saved image %s: %w", info.ID, err)
	}
	return saved, nil
}

const (
	maxDocument  = 16 << 20 // bytes of a JSON document of an image
	maxDocuments = 32 << 20 // bytes of all those that are held of a save stream
	maxFiles     = 100_000  // files of a save stream
)

// archiveFiles are the parts of a save stream by their path in it.
type archiveFiles struct {
	documents map[string][]byte // configs, manifests, indexes; nil where one is too large
	layers    map[string]*layer
	links     map[string]string
	left      *budget // of what is held of the layers
	held      int64   // bytes of documents
}

func readSaved(stream io.Reader, how reading, arch string, oci bool) (*savedImage, error) {
	files := archiveFiles{
		documents: map[string][]byte{}, layers: map[string]*layer{}, links: map[string]string{}, left: newBudget(),
	}
	archive := tar.NewReader(stream)
	for n := 0; ; n++ {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err == nil && n >= maxFiles {
			err = excess("the archive has more than %d files", maxFiles)
		}
		if err == nil && len(header.Name)+len(header.Linkname) > maxPath {
			err = excess("the archive has a path of more than %d bytes", maxPath)
		}
		if err != nil {
			return nil, err
		}
		name := path.Clean(header.Name)
		switch header.Typeflag {
		case tar.TypeSymlink: // a layer that an image has twice
			files.links[name] = path.Join(path.Dir(name), header.Linkname)
			if how.forward != nil {
				err = how.forward.WriteHeader(header)
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
		from = func() (*savedImage, error) { return files.fromIndex(arch) }
	}
	saved, err := from()
	if err != nil {
		return nil, err
	}
	if i := slices.Index(saved.layers, nil); how.keep != nil && i >= 0 {
		return nil, fmt.Errorf("the archive has no layer %s", saved.Paths[i])
	}
	return saved, nil
}

func (f *archiveFiles) read(name string, size int64, body *bufio.Reader, how reading) error {
	// A tar header has its magic at byte 257; nothing else that starts with a
	// brace is a layer.
	head, err := body.Peek(262)
	if err != nil && err != io.EOF {
		return err
	}
	isTar := len(head) == 262 && string(head[257:]) == "ustar"
	if len(head) > 0 && (head[0] == '{' || head[0] == '[') && !isTar {
		if f.documents[name] = nil; size > maxDocument || f.held+size > maxDocuments {
			return nil // it may be of another image, or an attestation
		}
		f.held += size
		f.documents[name], err = io.ReadAll(body)
		return err
	}
	if path.Base(name) != "layer.tar" && !strings.HasPrefix(name, "blobs/") {
		return nil
	}
	if how.spool != nil {
		return how.spool(body)
	}
	var source io.Reader = body
	if how.forward != nil {
		if err := how.forward.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size}); err != nil {
			return err
		}
		source = io.TeeReader(body, how.forward)
	}
	if how.keep != nil {
		plain, err := decompress(head, source)
		if err != nil {
			return err
		}
		f.layers[name], err = readLayer(plain, how.keep, f.left)
		if err := errors.Join(err, plain.Close()); err != nil {
			return err
		}
	}
	_, err = io.Copy(io.Discard, source)
	return err
}

// maxWindow is the largest window in bytes of a zstd frame. It is what zstd
// itself takes without an option.
const maxWindow = 128 << 20

// decompress undoes the compression that the first bytes tell.
func decompress(head []byte, r io.Reader) (io.ReadCloser, error) {
	switch compressionOf(head) {
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
		return excess("%s has more than %d bytes, or all documents have more than %d", name, maxDocument, maxDocuments)
	}
	if err := decode(data, into); err != nil {
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

func (f *archiveFiles) fromManifest() (*savedImage, error) {
	var manifests []archiveManifest
	if err := f.document("manifest.json", &manifests); err != nil {
		return nil, err
	}
	if len(manifests) != 1 {
		return nil, fmt.Errorf("manifest.json names %d images, want 1", len(manifests))
	}
	saved := &savedImage{Paths: manifests[0].Layers}
	if err := f.document(manifests[0].Config, &saved.Config); err != nil {
		return nil, err
	}
	saved.rawConfig = f.documents[path.Clean(manifests[0].Config)]
	return saved, f.collect(saved)
}

func (f *archiveFiles) fromIndex(arch string) (*savedImage, error) {
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
func (f *archiveFiles) find(descriptors []ocispec.Descriptor, arch string, seen map[string]bool) (*savedImage, error) {
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
		saved := &savedImage{Descriptors: manifest.Layers}
		if err := f.document(blobPath(manifest.Config.Digest), &saved.Config); err != nil {
			return nil, err
		}
		saved.rawConfig = f.documents[blobPath(manifest.Config.Digest)]
		if saved.Config.OS != "linux" || saved.Config.Architecture != arch {
			continue
		}
		for i, l := range manifest.Layers {
			saved.Paths = append(saved.Paths, blobPath(l.Digest))
			saved.Descriptors[i].MediaType = ociLayerType(l.MediaType)
		}
		return saved, nil
	}
	return nil, nil
}

// collect puts the layers that were read in the image's order.
func (f *archiveFiles) collect(saved *savedImage) error {
	if got, want := len(saved.Paths), len(saved.Config.RootFS.DiffIDs); got != want {
		return fmt.Errorf("the image has %d layers, its configuration names %d", got, want)
	}
	if len(saved.Paths) > maxLayers {
		return tooManyLayers(len(saved.Paths))
	}
	for _, name := range saved.Paths {
		for range len(f.links) { // a link may lead to a link
			target, ok := f.links[name]
			if !ok {
				break
			}
			name = target
		}
		saved.layers = append(saved.layers, f.layers[name])
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

// ociLayerType returns the OCI name of a layer's media type, so that layers of
// Docker and OCI images can stand in one manifest. The bytes are the same.
func ociLayerType(mediaType string) string {
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
