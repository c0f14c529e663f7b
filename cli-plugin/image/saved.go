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
