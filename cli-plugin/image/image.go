// Package image has images as values, and their forms: what a layer holds, what
// a runtime image is made of, archives. It knows no engine, no network and no
// disk.
package image

import (
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
)

// Image is an image as the place that has it describes it: an engine or a
// registry. It is never changed.
type Image struct {
	Ref     string    // by which it was asked for
	ID      string    // that its place knows it by: the digest of its configuration, or of its manifest
	Names   []string  // in an engine
	Digests []string  // of manifests of it in registries, each after the name of a repository
	Size    int64     // bytes, unpacked; 0 in a registry
	Tagged  time.Time // when an engine last gave it a name

	// Config is the configuration. An engine does not tell its history.
	Config      dockerspec.DockerOCIImage
	RawConfig   []byte // as its digest is over; nil in an engine
	RawManifest []byte // as its digest is over; nil in an engine

	Layers     []Layer          // lowest first; nil as an engine describes it
	Repository *name.Repository // that has it; nil: none
}

// Labels returns the labels of the image, never nil. The image may be nil.
func (i *Image) Labels() map[string]string {
	if i == nil || i.Config.Config.Labels == nil {
		return map[string]string{}
	}
	return i.Config.Config.Labels
}

// LayersSize is the size in bytes of all layers as their descriptors have it.
func (i *Image) LayersSize() (bytes int64) {
	for _, l := range i.Layers {
		bytes += l.Descriptor.Size
	}
	return bytes
}

// Platform is the image's, as in --platform.
func (i *Image) Platform() string { return i.Config.OS + "/" + i.Config.Architecture }

// DiffIDs are the digests of the image's layers without compression, lowest
// first.
func (i *Image) DiffIDs() []digest.Digest { return i.Config.RootFS.DiffIDs }

// Identities are the digests by which engines and registries know the image.
func (i *Image) Identities() []string {
	ids := []string{i.ID}
	for _, ref := range i.Digests {
		if _, id, ok := strings.Cut(ref, "@"); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// Same reports whether both are one image, in whatever places.
func (i *Image) Same(other *Image) bool {
	known := i.Identities()
	return slices.ContainsFunc(other.Identities(), func(id string) bool { return slices.Contains(known, id) })
}

// DistributionDigest is the digest that registries know the image by, or its
// ID where it never was in one.
func (i *Image) DistributionDigest() string {
	ids := i.Identities()
	return ids[min(1, len(ids)-1)]
}

// ConfigDigest is the ID of an image of a registry in an engine with a graph
// driver.
func (i *Image) ConfigDigest() string { return digest.FromBytes(i.RawConfig).String() }

// Created is the time of the first of the images that tells one: never now, so
// that the same inputs give the same image.
func Created(images ...*Image) time.Time {
	for _, i := range images {
		if i != nil && i.Config.Created != nil && i.Config.Created.Year() > 1 {
			return i.Config.Created.UTC().Truncate(time.Second)
		}
	}
	return time.Unix(0, 0).UTC() // an image need not say when it was made
}

// Several reports whether a registry has the image under its name as one of
// several platforms.
func (i *Image) Several() bool {
	_, id, found := strings.Cut(strings.Join(i.Digests[:min(1, len(i.Digests))], ""), "@")
	return i.Repository != nil && found && id != i.ID
}
