package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
)

// digest hashes named values. Every name and value is preceded by its length,
// so that different sequences never give the same bytes.
type digest struct{ hash.Hash }

func newDigest() digest { return digest{sha256.New()} }

func (d digest) add(name string, value []byte) {
	for _, part := range [][]byte{[]byte(name), value} {
		_ = binary.Write(d, binary.BigEndian, uint64(len(part))) // a hash never fails
		_, _ = d.Write(part)
	}
}

func (d digest) addAll(name string, values map[string][]byte) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		d.add(name+"\x00"+key, values[key])
	}
}

func (d digest) tag() string { return tag.Hash(d.Sum(nil)) }
