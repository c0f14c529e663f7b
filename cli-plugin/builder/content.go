package builder

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/oh-init/setup"
	"golang.org/x/sync/errgroup"
)

// maxRead is how many layers of a registry are read at a time.
const maxRead = 4

// content reads of a base what set-up wants to know. What layers of a registry
// say is kept in the user's cache folder, so that none is fetched twice.
func (p *publisher) content(ctx context.Context, base *material, w way) (*savedImage, error) {
	if base == nil {
		return &savedImage{}, nil
	}
	if base.remote == nil {
		return p.Engine.save(ctx, base.info.ID, reading{keep: w.keep})
	}
	read := &savedImage{Config: base.remote.config, layers: make([]layer, len(base.remote.layers))}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxRead)
	for i, l := range base.remote.layers {
		group.Go(func() (err error) {
			if read.layers[i], err = l.read(ctx, w); err != nil {
				err = fmt.Errorf("reading the layer %s of %s: %w", l.descriptor.Digest, base.ref, err)
			}
			return err
		})
	}
	return read, group.Wait()
}

// read returns what the layer says to set-up.
func (b blob) read(ctx context.Context, w way) (_ layer, err error) {
	name := w.listing(b)
	if known, err := readListing(name); err == nil {
		return known, nil
	}
	content, err := b.Uncompressed()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	entries, err := readLayer(contextReader{ctx, content}, w.keep)
	if err == nil {
		writeListing(name, entries)
	}
	return entries, err
}

// listingCache has what layers of registries say to set-up.
const listingCache = "listings"

// listing is the name of the layer's file in listingCache.
func (w way) listing(b blob) string {
	extra := strings.Join(slices.Sorted(maps.Keys(w.content)), "\x00")
	return b.descriptor.Digest.Encoded() + "-" + shortHash(listingRevision+extra)
}

// listingRevision is raised when a listing holds something else than before.
const listingRevision = "2\x00"

// listed is an entry in a listing.
type listed struct {
	Name, HardLink string
	Entry          setup.Entry
	Data           []byte
	Kept           bool
}

func readListing(name string) (layer, error) {
	data, err := readCache(listingCache, name)
	if err != nil {
		return nil, err
	}
	var all []listed
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&all); err != nil {
		return nil, err
	}
	entries := make(layer, len(all))
	for i, e := range all {
		entries[i] = entry{e.Name, fileOf(e), e.HardLink}
	}
	return entries, nil
}

func fileOf(e listed) file { return file{e.Entry, e.Data, e.Kept} }

func writeListing(name string, entries layer) {
	all := make([]listed, len(entries))
	for i, e := range entries {
		all[i] = listed{e.name, e.hardLink, e.file.Entry, e.file.data, e.file.kept}
	}
	var data bytes.Buffer
	if gob.NewEncoder(&data).Encode(all) == nil {
		writeCache(listingCache, name, data.Bytes())
	}
}
