// Package hostile makes images as an importer, a Dockerfile or an attacker
// could make them: an honest root file system and a few mutations of it, drawn
// by a seed. The same seed and the same mutations give the same bytes.
package hostile

import (
	"archive/tar"
	"path"
	"strings"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// Image is an image that is being made: its layers from the lowest up, and its
// configuration without what is told by the layers.
type Image struct {
	Layers []Layer
	Config dockerspec.DockerOCIImage
}

// Layer is one layer.
type Layer struct {
	Entries     []Entry
	Compression Compression
	Damage      Damage
}

// Entry is an entry of a layer's tar stream.
type Entry struct {
	tar.Header        // Size is that of Content
	Content    string // of a regular file
	Hole       int64  // bytes of a sparse file that has no other content
}

func file(name, content string) Entry {
	return Entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644}, Content: content}
}

func dir(name string, mode int64) Entry {
	return Entry{Header: tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode}}
}

func link(name, target string) Entry {
	return Entry{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}}
}

func hardLink(name, target string) Entry {
	return Entry{Header: tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, Mode: 0o644}}
}

// null is a character device like /dev/null.
func null(name string) Entry {
	return Entry{Header: tar.Header{Typeflag: tar.TypeChar, Name: name, Mode: 0o666, Devmajor: 1, Devminor: 3}}
}

func fifo(name string) Entry {
	return Entry{Header: tar.Header{Typeflag: tar.TypeFifo, Name: name, Mode: 0o644}}
}

// Whiteouts, see the OCI image layer specification.
const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
)

func whiteout(name string) Entry {
	parent, base := path.Split(name)
	return file(parent+whiteoutPrefix+base, "")
}

func opaque(dir string) Entry { return file(path.Join(dir, whiteoutOpaque), "") }

// by gives e an owner.
func (e Entry) by(uid, gid int) Entry {
	e.Uid, e.Gid = uid, gid
	return e
}

// with gives e a mode.
func (e Entry) with(mode int64) Entry {
	e.Mode = mode
	return e
}

// add adds entries to the uppermost layer.
func (i *Image) add(entries ...Entry) {
	if len(i.Layers) == 0 {
		i.stack()
	}
	top := &i.Layers[len(i.Layers)-1]
	top.Entries = append(top.Entries, entries...)
}

// stack puts a layer on top.
func (i *Image) stack(entries ...Entry) {
	i.Layers = append(i.Layers, Layer{Entries: entries, Compression: Gzip})
}

// text is the content of a regular file, empty where there is none.
func (i *Image) text(name string) string {
	tree, err := i.Flatten()
	if err != nil {
		return ""
	}
	return tree[name].Content
}

// clean is an entry's name without a slash at either end; "." is the root.
func clean(name string) string {
	if name = strings.TrimPrefix(path.Clean("/"+name), "/"); name == "" {
		return "."
	}
	return name
}
