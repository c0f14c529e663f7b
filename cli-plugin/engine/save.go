package engine

import (
	"cmp"
	"context"
	"fmt"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
)

// Save streams an image from the engine and reads it once. An image without
// layers, which engines do not save, is what its inspection says.
func (e *Engine) Save(ctx context.Context, info *image.Image, how image.Reading) (*image.Image, error) {
	if len(info.DiffIDs()) == 0 {
		return info, nil
	}
	stream, err := e.API.ImageSave(ctx, []string{info.ID})
	if err != nil {
		return nil, fmt.Errorf("saving image %s: %w", info.ID, err)
	}
	defer stream.Close()
	saved, err := image.ReadSaved(stream, how, cmp.Or(info.Config.Architecture, e.Arch), e.Containerd)
	if err != nil {
		return nil, fmt.Errorf("reading the saved image %s: %w", info.ID, err)
	}
	return saved, nil
}
