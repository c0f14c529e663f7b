package builder

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
)

// maxRead is how many layers of a registry are read at a time.
const maxRead = 4

// content looks into a base for what set-up wants to know. What layers of
// registries say is kept in the user's cache folder, so that none is fetched
// twice; with it goes their diff ID, which is proven for each image anew.
func (p *publisher) content(ctx context.Context, base *image.Image, w image.Attempt) (_ *image.Image, err error) {
	if base == nil {
		return &image.Image{}, nil
	}
	if base.Repository == nil {
		return p.Engine.Save(ctx, base, image.Reading{Keep: w.Keep})
	}
	step := p.View().Step("reading " + base.Ref)
	defer func() { step.End(err) }()
	read := *base
	read.Layers = slices.Clone(base.Layers)
	left := image.NewBudget()
	// Whichever is read first, it is the lowest layer that is wrong that is told of:
	// a failure ends the reading of those above alone.
	errs := make([]error, len(read.Layers))
	var contexts []context.Context
	var cancel []context.CancelFunc
	for range read.Layers {
		reading, end := context.WithCancel(ctx)
		defer end()
		contexts, cancel = append(contexts, reading), append(cancel, end)
	}
	var group errgroup.Group
	group.SetLimit(maxRead)
	for i := range read.Layers {
		group.Go(func() error {
			l := &read.Layers[i]
			count := func() io.Writer { return step.Part(p.called.of(l.DiffID), l.Descriptor.Size) }
			if err := lookInto(contexts[i], l, w, left, count); err != nil {
				errs[i] = fmt.Errorf("reading the layer %s of %s: %w", l.Descriptor.Digest, base.Ref, err)
				for _, end := range cancel[i+1:] {
					end()
				}
			}
			return nil
		})
	}
	_ = group.Wait() // each has its place in errs
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return nil, errs[i]
	}
	known := slices.Clone(read.Layers)
	for i := range known {
		known[i].Listing = nil // the layers are kept for longer than that is looked at
	}
	p.know(known, func(image.Layer) bool { return true })
	return &read, nil
}

// listingCache has the listings of layers of registries. The folders "listings"
// and "layer-listings" are of versions that proved no diff IDs, and of those that
// did not tell for which machine a program is.
const listingCache = "layer-contents"

// lookInto lists the layer, and proves its diff ID. What is fetched for that is
// written to count.
func lookInto(ctx context.Context, l *image.Layer, w image.Attempt, left *image.Budget, count func() io.Writer) error {
	name := l.Descriptor.Digest.Encoded() + "-" + state.Hash(w.Extra())
	listing, id, err := cachedListing(name, left)
	var excess *image.ExcessError
	if err != nil && !errors.As(err, &excess) {
		fetched := *l
		fetched.Open = func() (io.ReadCloser, error) {
			content, err := l.Open()
			if err != nil {
				return nil, err
			}
			return readCloser{io.TeeReader(content, count()), content}, nil
		}
		listing, id, err = fetchListing(ctx, &fetched, w, left)
		if err == nil {
			state.Create(listingCache, name, func(out io.Writer) error { return listing.Write(out, id) })
		}
	}
	if err != nil {
		return err
	}
	l.Listing = listing
	return l.Prove(id)
}

// cachedListing returns what the cache has of a layer, and the layer's diff ID.
func cachedListing(name string, left *image.Budget) (*image.Listing, digest.Digest, error) {
	from, err := state.Open(listingCache, name)
	if err != nil {
		return nil, "", err
	}
	defer from.Close()
	return image.LoadListing(bufio.NewReader(from), left)
}

// readCloser is a layer as it is fetched.
type readCloser struct {
	io.Reader
	io.Closer
}

// fetchListing reads the layer where it is.
func fetchListing(ctx context.Context, l *image.Layer, w image.Attempt, left *image.Budget) (_ *image.Listing, id digest.Digest, err error) {
	content, form, err := l.Plain()
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	if form == image.Zstd {
		left.Window.Lock()
		defer left.Window.Unlock()
	}
	whole := digest.Canonical.Digester()
	listing, err := image.ReadListing(io.TeeReader(image.Interruptible(ctx, content), whole.Hash()), w.Keep, left)
	return listing, whole.Digest(), err
}
