package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	apiimage "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
)

// Manifests returns what the payloads of the engine say of themselves, the
// newest first. An image that only claims to be one is passed over.
func (e *Engine) Manifests(ctx context.Context) ([]payload.Manifest, error) {
	list, err := e.API.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("label", payload.LabelKind+"="+payload.KindDeps)})
	if err != nil {
		return nil, fmt.Errorf("listing payloads: %w", err)
	}
	slices.SortFunc(list.Items, func(a, b apiimage.Summary) int { return cmp.Compare(b.Created, a.Created) })
	var manifests []payload.Manifest
	for _, summary := range list.Items {
		found, err := e.Image(ctx, summary.ID)
		if err != nil {
			return manifests, err
		}
		if found == nil { // removed since
			continue
		}
		manifest, err := e.Manifest(ctx, summary.ID, found)
		var p *problem.Error
		if errors.As(err, &p) && p.Code == problem.NotDeps {
			continue
		}
		if err != nil {
			return manifests, err
		}
		manifests = append(manifests, manifest)
	}
	return manifests, nil
}
