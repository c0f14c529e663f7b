package builder

import (
	"fmt"
	"sync"

	"github.com/opencontainers/go-digest"
)

// layerNames are what people call layers, by their diff IDs: a payload's by their
// components.
type layerNames struct {
	lock sync.Mutex
	byID map[digest.Digest]string
}

func newLayerNames() *layerNames { return &layerNames{byID: map[digest.Digest]string{}} }

// learn names the layers of something: by names where there is one for each.
func (n *layerNames) learn(of string, ids []digest.Digest, names []string) {
	n.lock.Lock()
	defer n.lock.Unlock()
	for i, id := range ids {
		switch {
		case n.byID[id] != "": // an image may have a layer twice
		case len(names) == len(ids):
			n.byID[id] = names[i]
		default:
			n.byID[id] = fmt.Sprintf("%s, layer %d of %d", of, i+1, len(ids))
		}
	}
}

// knows reports whether a layer is somebody's.
func (n *layerNames) knows(id digest.Digest) bool {
	n.lock.Lock()
	defer n.lock.Unlock()
	return n.byID[id] != ""
}

// of is the name of a layer. One that is nobody else's is made here.
func (n *layerNames) of(id digest.Digest) string {
	n.lock.Lock()
	defer n.lock.Unlock()
	if name, ok := n.byID[id]; ok {
		return name
	}
	return "set-up " + id.Encoded()[:12]
}
