package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
)

// maxRead is how many layers of a registry are read at a time.
const maxRead = 4

// content reads of a base what set-up wants to know. What layers of a registry
// say is kept in the user's cache folder, so that none is fetched twice; with
// it goes their diff ID, which is proven for each image anew.
func (p *publisher) content(ctx context.Context, base *Image, w way) (*savedImage, error) {
	if base == nil {
		return &savedImage{}, nil
	}
	if base.Repository == nil {
		return p.Engine.save(ctx, base, reading{keep: w.keep})
	}
	layers := base.Layers
	read := &savedImage{Config: base.Config, layers: make([]*layer, len(layers))}
	left := newBudget()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxRead)
	for i := range layers {
		group.Go(func() (err error) {
			if read.layers[i], err = layers[i].read(ctx, w, left); err != nil {
				err = fmt.Errorf("reading the layer %s of %s: %w", layers[i].descriptor.Digest, base.Ref, err)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	p.know(layers, func(blob) bool { return true })
	return read, nil
}

// read returns what the layer says to set-up, and proves its diff ID.
func (b *blob) read(ctx context.Context, w way, left *budget) (*layer, error) {
	name := w.listing(*b)
	l, id, err := readListing(name, left)
	var excess *excessError
	if err != nil && !errors.As(err, &excess) {
		l, id, err = b.fetch(ctx, w, left)
		if err == nil {
			writeListing(name, l, id)
		}
	}
	if err != nil {
		return nil, err
	}
	return l, b.prove(id)
}

// fetch reads the layer where it is.
func (b *blob) fetch(ctx context.Context, w way, left *budget) (_ *layer, id digest.Digest, err error) {
	content, err := b.plain()
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	if content.form == Zstd {
		left.window.Lock()
		defer left.window.Unlock()
	}
	whole := digest.Canonical.Digester()
	l, err := readLayer(io.TeeReader(contextReader{ctx, content}, whole.Hash()), w.keep, left)
	return l, whole.Digest(), err
}

// listing is the name of the layer's file in listingCache.
func (w way) listing(b blob) string {
	extra := strings.Join(slices.Sorted(maps.Keys(w.content)), "\x00")
	return b.descriptor.Digest.Encoded() + "-" + state.Hash(extra)
}
