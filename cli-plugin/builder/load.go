package builder

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// unpackFailure starts the line with which an engine on containerd's store
// tells, as no error, that it keeps an image that it could not unpack.
const unpackFailure = "Error unpacking image "

// load hands an archive to the engine and waits until it is unpacked. What the
// engine says against it is a *refusedError.
func (e *Engine) load(ctx context.Context, archive io.Reader) error {
	response, err := e.api.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(true))
	if err != nil {
		return &refusedError{fmt.Errorf("loading the image: %w", err)}
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
			return &refusedError{fmt.Errorf("loading the image: %w", message.Error)}
		}
		if strings.HasPrefix(message.Stream, unpackFailure) {
			return &refusedError{fmt.Errorf("loading the image: %s", strings.TrimSpace(message.Stream))}
		}
	}
}

// layersOf returns the layers of an image in containerd's store, with their
// descriptors. The engine tells them only in the whole stream of the image; they
// are kept by image ID, which is a digest over them, in the user's cache folder.
func (e *Engine) layersOf(ctx context.Context, info *image.Image) ([]image.Layer, error) {
	var descriptors []ocispec.Descriptor
	if !state.Recall(descriptorCache, info.ID, &descriptors) || len(descriptors) != len(info.DiffIDs()) {
		saved, err := e.save(ctx, info, image.Reading{})
		if err != nil {
			return nil, err
		}
		rememberLayers(info.ID, saved.Layers)
		return saved.Layers, nil
	}
	layers := image.OfEngine(info.DiffIDs())
	for i := range layers {
		layers[i].Descriptor = descriptors[i]
	}
	return layers, nil
}

func rememberLayers(id string, layers []image.Layer) {
	var descriptors []ocispec.Descriptor
	for _, l := range layers {
		descriptors = append(descriptors, l.Descriptor)
	}
	state.Remember(descriptorCache, id, descriptors)
}

// descriptorCache has the compressed layers of images by their IDs.
const descriptorCache = "layers"
