package engine

import (
	"context"
	"fmt"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/moby/moby/client"
)

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
