package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	apiimage "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
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

// relate fills in what follows from all images together.
func (inv *Inventory) relate() {
	slices.SortFunc(inv.Images, func(a, b Stored) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), b.Tagged.Compare(a.Tagged), cmp.Compare(a.ID, b.ID))
	})
	inv.add()
	for i := range inv.Images {
		img := &inv.Images[i]
		img.Own = inv.Freed([]Stored{*img})
		stack := inv.stack[img.ID]
		if len(stack) > 0 { // what two images have in common on disk begins with the lowest layer
			img.SharedWith = len(inv.users[stack[0]]) - 1
		}
		if img.Kind != payload.KindRuntime {
			continue
		}
		for _, other := range inv.Images {
			if other.Kind == payload.KindDeps && isAbove(stack, inv.stack[other.ID]) {
				img.Payload = other.ID
			}
		}
	}
}

// add fills in what all images together take.
func (inv *Inventory) add() {
	inv.Bytes, inv.Unshared = 0, 0
	seen := map[string]bool{}
	for _, img := range inv.Images {
		inv.Unshared += img.Size
		for _, layer := range inv.stack[img.ID] {
			if !seen[layer] {
				seen[layer] = true
				inv.Bytes += inv.sizes[layer]
			}
		}
	}
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

// isAbove reports whether a stack of layers has all of another, not empty, at
// its bottom: each name stands for all that lies below.
func isAbove(stack, below []string) bool {
	n := len(below)
	return n > 0 && len(stack) >= n && stack[n-1] == below[n-1]
}

// Freed is the number of bytes that removing all of the images frees.
func (inv *Inventory) Freed(images []Stored) int64 {
	removed, counted := map[string]bool{}, map[string]bool{}
	for _, img := range images {
		removed[img.ID] = true
	}
	var bytes int64
	for _, img := range images {
		for _, layer := range inv.stack[img.ID] {
			stays := slices.ContainsFunc(inv.users[layer], func(user string) bool { return !removed[user] })
			if !stays && !counted[layer] {
				counted[layer] = true
				bytes += inv.sizes[layer]
			}
		}
	}
	return bytes
}

// stackNames names each layer by all that lies below it, as engines keep them.
func stackNames(layers []digest.Digest) []string {
	stack := make([]string, len(layers))
	for i := range layers {
		stack[i] = chainKey(layers[:i+1])
	}
	return stack
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

// Superseded is an image that can go, and why.
type Superseded struct {
	Stored
	Why string `json:"why"`
}

// Superseded returns the images that no container uses and that builds have
// lost: those without a name that nobody built on, and those that have no name
// but what builds gave, of older inputs: of the same version over the same base
// there is a newer image. A payload that a runtime image which stays was made
// from stays, too.
func (inv *Inventory) Superseded() []Superseded {
	return inv.Removable(false, func(Stored) bool { return true })
}

// Removable returns those of Superseded that only is true for and, with all,
// whatever else no container uses and nobody built on, also under a name that
// the user gave.
func (inv *Inventory) Removable(all bool, only func(Stored) bool) []Superseded {
	newest := map[string]Stored{} // by series
	for _, img := range inv.Images {
		for _, ref := range img.References {
			if series, ok := img.series(ref); ok && newest[series].Tagged.Before(img.Tagged) {
				newest[series] = img
			}
		}
	}
	gone := []Superseded{}      // none is no null in JSON
	needed := map[string]bool{} // deps tags
	for _, kind := range []string{payload.KindRuntime, payload.KindDeps} {
		for _, img := range inv.Images {
			if img.Kind != kind {
				continue
			}
			why := img.superseded(newest)
			if why == "" && all && !img.Derived {
				why = "no container uses it"
			}
			if why == "" || !only(img) || img.Containers > 0 || img.Kind == payload.KindDeps && needed[img.DepsTag] {
				needed[img.DepsTag] = true
				continue
			}
			gone = append(gone, Superseded{img, why})
		}
	}
	return gone
}

// superseded says why, by its names alone, the image can go, or nothing.
func (img Stored) superseded(newest map[string]Stored) string {
	why := ""
	if len(img.References) == 0 && !img.Derived {
		why = "has no name"
	}
	for _, ref := range img.References {
		series, ok := img.series(ref)
		if !ok || newest[series].ID == img.ID {
			return ""
		}
		why = ShortID(newest[series].ID) + " is newer"
	}
	return why
}

// ShortID is the start of an image's ID, as docker shows it.
func ShortID(id string) string {
	_, hex, _ := strings.Cut(id, ":")
	return hex[:min(12, len(hex))]
}

// series is what the names of images have in common that a build gives for one
// base and the same choices, from one state of the payload's inputs to the
// next; not ok is a name that the user gave.
func (img Stored) series(ref string) (series string, ok bool) {
	name, ok := tag.Series(ref, img.DepsTag)
	return strings.Join([]string{img.Server, strings.Join(img.Components, ","), img.Variant, name}, "\n"), ok
}

// Remove takes away the names that the image has in the inventory, and with
// the last one the image. Containers and names that it got since keep it.
func (e *Engine) Remove(ctx context.Context, img Stored) error {
	names := img.References
	if len(names) == 0 {
		names = []string{img.ID}
	}
	for _, name := range names {
		found, err := e.Image(ctx, name)
		if err != nil {
			return err
		}
		if found == nil || found.ID != img.ID {
			continue
		}
		if _, err := e.API.ImageRemove(ctx, name, client.ImageRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
			return fmt.Errorf("removing %s: %w", name, err)
		}
	}
	return nil
}
