package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	apiimage "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Stored is a payload or a runtime image that an engine has. Sizes are in
// bytes, of the unpacked layers.
type Stored struct {
	ID         string    `json:"id"`
	References []string  `json:"references"`
	Kind       string    `json:"kind"` // deps, which is a payload, or runtime
	Version    string    `json:"openhandsVersion"`
	Server     string    `json:"server"`
	Components []string  `json:"components"`        // names, in layer order
	Variant    string    `json:"variant,omitempty"` // of the payload, where it is not the standard one: lean
	DepsTag    string    `json:"depsTag"`
	Base       string    `json:"base,omitempty"`    // empty: a payload
	Derived    bool      `json:"derived"`           // the newest step of its history is not one that builds end with: somebody built on it
	Payload    string    `json:"payload,omitempty"` // ID of the deps image whose layers it has on disk in common
	Tagged     time.Time `json:"tagged"`            // when this engine last gave it a name
	Size       int64     `json:"size"`
	Own        int64     `json:"own"`        // of layers that no other image of the engine has
	SharedWith int       `json:"sharedWith"` // number of other images of the engine that have layers on disk in common with it
	Containers int       `json:"containers"` // made from it, running or not
}

// Inventory is all that an engine has of ours.
type Inventory struct {
	Images   []Stored `json:"images"`   // payloads first, the newest first
	Bytes    int64    `json:"bytes"`    // on disk, each layer once
	Unshared int64    `json:"unshared"` // each layer as often as an image has it

	sizes map[string]int64    // of layers, by the stack up to them
	users map[string][]string // IDs of all images of the engine that have it
	stack map[string][]string // by image ID
	names map[string]string   // of all images by their IDs, which stand for those without one
}

// Inventory looks at every image and container of the engine.
func (e *Engine) Inventory(ctx context.Context) (*Inventory, error) {
	summaries, err := e.API.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", err)
	}
	containers, err := e.API.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	inv := &Inventory{Images: []Stored{}, sizes: map[string]int64{}, users: map[string][]string{}, stack: map[string][]string{}, names: map[string]string{}}
	for _, summary := range summaries.Items {
		found, err := e.Image(ctx, summary.ID)
		if err != nil {
			return nil, err
		}
		if found == nil { // removed since
			continue
		}
		stack := stackNames(found.DiffIDs())
		inv.stack[found.ID] = stack
		inv.names[found.ID] = found.ID
		if len(found.Names) > 0 {
			inv.names[found.ID] = slices.Min(found.Names)
		}
		for _, layer := range stack {
			inv.users[layer] = append(inv.users[layer], found.ID)
		}
		ours, err := e.ours(ctx, found, stack, inv.sizes)
		if err != nil {
			return nil, err
		}
		if ours == nil {
			continue
		}
		for _, container := range containers.Items {
			if container.ImageID == found.ID {
				ours.Containers++
			}
		}
		inv.Images = append(inv.Images, *ours)
	}
	inv.relate()
	return inv, nil
}

// ours describes an image of ours and notes the sizes of its layers; it is nil
// for any other image.
func (e *Engine) ours(ctx context.Context, found *image.Image, stack []string, sizes map[string]int64) (*Stored, error) {
	all := payload.ReadLabels(found.Labels())
	if all.Kind != payload.KindDeps && all.Kind != payload.KindRuntime {
		return nil, nil
	}
	history, err := e.API.ImageHistory(ctx, found.ID)
	if cerrdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the history of %s: %w", found.ID, err)
	}
	img := &Stored{
		ID: found.ID, References: slices.Sorted(slices.Values(found.Names)), Kind: all.Kind, Version: all.Version,
		Server: all.Server, Components: all.ComponentNames(), Variant: all.Variant, DepsTag: all.DepsTag, Base: all.BaseName,
		Tagged: found.Tagged,
	}
	if img.References == nil {
		img.References = []string{}
	}
	if created := found.Config.Created; img.Tagged.IsZero() && created != nil { // an image need not say when it was made
		img.Tagged = *created
	}
	img.Derived = len(history.Items) == 0 || !lastOfBuild(history.Items[0].CreatedBy, found.Labels())
	for i, step := range layerSteps(history.Items, len(stack)) {
		sizes[stack[i]] = step.Size
		img.Size += step.Size
	}
	return img, nil
}

// lastOfBuild reports whether builds of images with these labels end with the
// step.
func lastOfBuild(step string, labels map[string]string) bool {
	if labels[payload.LabelKind] == payload.KindDeps {
		const last = ocispec.AnnotationVersion // of the labels, which come last and by name
		return step == "LABEL "+last+"="+labels[last]
	}
	return step == plan.LastStep || strings.HasPrefix(step, image.SetUpStep)
}

// Select returns the inventory with those images alone for which keep is true.
// What is told of each is about the whole engine still.
func (inv *Inventory) Select(keep func(Stored) bool) *Inventory {
	some := *inv
	some.Images = []Stored{}
	for _, img := range inv.Images {
		if keep(img) {
			some.Images = append(some.Images, img)
		}
	}
	some.add()
	return &some
}

// layerSteps returns the entries of a history that made an image's layers, the
// lowest first. A history does not say which of its empty entries are layers:
// the oldest ones are taken.
func layerSteps(history []apiimage.HistoryResponseItem, layers int) []apiimage.HistoryResponseItem {
	empty := layers
	for _, item := range history {
		if item.Size > 0 {
			empty--
		}
	}
	var steps []apiimage.HistoryResponseItem
	for _, item := range slices.Backward(history) {
		if item.Size == 0 {
			if empty <= 0 {
				continue
			}
			empty--
		}
		steps = append(steps, item)
	}
	return steps[:min(len(steps), layers)]
}

// ShortID is the start of an image's ID, as docker shows it.
func ShortID(id string) string {
	_, hex, _ := strings.Cut(id, ":")
	return hex[:min(12, len(hex))]
}
