package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// unpackFailure starts the line with which an engine on containerd's store
// tells, as no error, that it keeps an image that it could not unpack.
const unpackFailure = "Error unpacking image "

// Load hands an archive to the engine and waits until it is unpacked. What the
// engine says against it is a *refusedError.
func (e *Engine) Load(ctx context.Context, archive io.Reader) error {
	response, err := e.API.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(true))
	if err != nil {
		return &RefusedError{fmt.Errorf("loading the image: %w", err)}
	}
	defer response.Close()
	for decoder := json.NewDecoder(response); ; {
		var message jsonstream.Message
		err := decoder.Decode(&message)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("loading the image: %w", err)
		}
		if message.Error != nil {
			return &RefusedError{fmt.Errorf("loading the image: %w", message.Error)}
		}
		if strings.HasPrefix(message.Stream, unpackFailure) {
			return &RefusedError{fmt.Errorf("loading the image: %s", strings.TrimSpace(message.Stream))}
		}
	}
}

// LayersOf returns the layers of an image in containerd's store, with their
// descriptors. The engine tells them only in the whole stream of the image; they
// are kept by image ID, which is a digest over them, in the user's cache folder.
func (e *Engine) LayersOf(ctx context.Context, info *image.Image) ([]image.Layer, error) {
	var descriptors []ocispec.Descriptor
	if !state.Recall(descriptorCache, info.ID, &descriptors) || len(descriptors) != len(info.DiffIDs()) {
		saved, err := e.Save(ctx, info, image.Reading{})
		if err != nil {
			return nil, err
		}
		RememberLayers(info.ID, saved.Layers)
		return saved.Layers, nil
	}
	layers := image.OfEngine(info.DiffIDs())
	for i := range layers {
		layers[i].Descriptor = descriptors[i]
	}
	return layers, nil
}

// RememberLayers keeps the descriptors of an image's layers for LayersOf.
func RememberLayers(id string, layers []image.Layer) {
	var descriptors []ocispec.Descriptor
	for _, l := range layers {
		descriptors = append(descriptors, l.Descriptor)
	}
	state.Remember(descriptorCache, id, descriptors)
}

// descriptorCache has the compressed layers of images by their IDs.
const descriptorCache = "layers"

// Reconfigure makes an image of another one's layers with the given
// configuration, announced before the engine can have it. It has no name.
func (e *Engine) Reconfigure(ctx context.Context, from *image.Image, config dockerspec.DockerOCIImageConfig, announce func(id string) error) (string, error) {
	layers, finish := image.OfEngine(from.DiffIDs()), (*image.Image).WriteDockerArchive
	if e.Containerd {
		var err error
		if layers, err = e.LayersOf(ctx, from); err != nil {
			return "", err
		}
		finish = (*image.Image).WriteLayout
	}
	made := from.Reconfigured(layers, config)
	var archive bytes.Buffer
	id, err := finish(made, tar.NewWriter(&archive), announce)
	if err == nil {
		err = e.Load(ctx, &archive)
	}
	if err == nil {
		err = e.Holds(ctx, id.String(), made.DiffIDs())
	}
	if err != nil && id != "" {
		err = errors.Join(err, e.RemoveNameless(ctx, id.String()))
	}
	return id.String(), err
}

// RefusedError is an engine's refusal of an archive.
type RefusedError struct{ err error }

func (e *RefusedError) Error() string { return e.err.Error() }
func (e *RefusedError) Unwrap() error { return e.err }

// Holds checks that the engine holds the image with all of its layers:
// containerd's store accepts a manifest whose blobs it does not have.
func (e *Engine) Holds(ctx context.Context, id string, stack []digest.Digest) error {
	found, err := e.Image(ctx, id)
	if err != nil {
		return err
	}
	if found == nil {
		return &RefusedError{fmt.Errorf("the engine does not have the image %s after loading it", id)}
	}
	if !slices.Equal(found.DiffIDs(), stack) {
		return &RefusedError{fmt.Errorf("the engine holds the image %s with %d of its %d layers", id, len(found.DiffIDs()), len(stack))}
	}
	return nil
}
