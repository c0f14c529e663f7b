package engine

import (
	"cmp"
	"slices"

	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/opencontainers/go-digest"
)

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
