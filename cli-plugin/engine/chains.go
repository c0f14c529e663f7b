package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
)

// Chains is a set of layer stacks, each named by its diff IDs from the lowest.
type Chains map[string]bool

func chainKey(layers []digest.Digest) string {
	var b strings.Builder
	for _, layer := range layers {
		b.WriteString(layer.String())
		b.WriteByte(' ')
	}
	return b.String()
}

// Add adds the stack and all that are below its layers.
func (c Chains) Add(layers []digest.Digest) {
	for n := range layers {
		c[chainKey(layers[:n+1])] = true
	}
}

// Has reports whether the stack is in the set. The empty one always is.
func (c Chains) Has(layers []digest.Digest) bool { return len(layers) == 0 || c[chainKey(layers)] }

// ChainsOver returns the layer stacks of the runtime images over base that the
// engine has.
func (e *Engine) ChainsOver(ctx context.Context, base *image.Image) (Chains, error) {
	known := Chains{}
	list, err := e.API.ImageList(ctx, client.ImageListOptions{
		Filters: client.Filters{}.Add("label", payload.LabelKind+"="+payload.KindRuntime, payload.LabelBaseDigest+"="+base.ID),
	})
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", err)
	}
	for _, summary := range list.Items {
		found, err := e.Image(ctx, summary.ID)
		if err != nil {
			return nil, err
		}
		if found != nil { // else removed since
			known.Add(found.DiffIDs())
		}
	}
	return known, nil
}
