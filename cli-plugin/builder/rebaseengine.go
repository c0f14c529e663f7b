package builder

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ownOfEngine reads an image of the engine: its configuration, and the layers
// that it has on top, which are kept in files.
func (r *rebaser) ownOfEngine(ctx context.Context, have *image.Image, own []image.Layer) (*image.Image, []image.Layer, error) {
	dir, err := r.blobs.folder()
	if err != nil {
		return nil, nil, fmt.Errorf("making a folder for layers: %w", err)
	}
	wanted := map[digest.Digest]bool{}
	for _, l := range own {
		wanted[l.DiffID] = true
	}
	kept := map[digest.Digest]image.Layer{}
	saved, err := r.Engine.Save(ctx, have, image.Reading{Layer: func(content io.Reader) error {
		l, err := unpacked(ctx, dir, content, wanted)
		if err == nil && l.Open != nil {
			kept[l.DiffID] = l
		}
		return err
	}})
	if err != nil {
		return nil, nil, err
	}
	for i, l := range own {
		file, ok := kept[l.DiffID]
		if !ok {
			return nil, nil, fmt.Errorf("the image %s lacks the layer %s that it names", have.Ref, l.DiffID)
		}
		file.Path = l.Path
		own[i] = file
	}
	if err := r.readOwn(ctx, have.Ref, own); err != nil {
		return nil, nil, err
	}
	whole := *have
	whole.Config, whole.RawConfig = saved.Config, saved.RawConfig
	return &whole, own, nil
}

// unpacked keeps a layer without its compression in a file, if it is a wanted one.
func unpacked(ctx context.Context, dir string, content io.Reader, wanted map[digest.Digest]bool) (l image.Layer, err error) {
	file, err := os.CreateTemp(dir, "layer-")
	if err != nil {
		return l, fmt.Errorf("keeping a layer: %w", err)
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if err != nil || l.Open == nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	body := bufio.NewReaderSize(image.Interruptible(ctx, content), 64<<10)
	head, err := body.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return l, err
	}
	plain, err := image.Decompress(head, body)
	if err != nil {
		return l, err
	}
	sum := digest.Canonical.Digester()
	size, err := io.Copy(io.MultiWriter(file, sum.Hash()), plain)
	if err = errors.Join(err, plain.Close()); err != nil {
		return l, fmt.Errorf("keeping a layer: %w", err)
	}
	if _, err := io.Copy(io.Discard, body); err != nil { // what stands behind the compressed content
		return l, err
	}
	name := file.Name()
	if wanted[sum.Digest()] {
		l = image.Layer{
			DiffID: sum.Digest(), Proven: true, Open: func() (io.ReadCloser, error) { return os.Open(name) },
			Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: sum.Digest(), Size: size},
		}
	}
	return l, nil
}

// compressed are layers as they are published.
func (r *rebaser) compressed(ctx context.Context, layers []image.Layer) ([]image.Layer, error) {
	var all []image.Layer
	for _, l := range layers {
		content, err := l.Open()
		if err != nil {
			return nil, fmt.Errorf("reading a layer that was kept: %w", err)
		}
		made, err := r.blobs.add(ctx, content, r.Output.Compression, false)
		if err = errors.Join(err, content.Close()); err != nil {
			return nil, err
		}
		all = append(all, made)
	}
	return all, nil
}

// intoEngine makes the image in the engine and gives it its names.
func (r *rebaser) intoEngine(ctx context.Context, p makeup, have *image.Image, own []image.Layer, before *image.Image, result *Rebased) (err error) {
	unlock, err := r.here.lock(ctx, result.References[0])
	if err != nil {
		return err
	}
	defer unlock()
	for _, name := range result.References {
		if _, err := r.holder(ctx, name); err != nil {
			return err
		}
	}
	onto := func(made *image.Image) (*image.Image, error) {
		whole, err := image.Rebased(have, before, made)
		if err == nil {
			err = r.room(p.have.Ref, whole)
		}
		if err != nil || len(own) == 0 {
			return whole, err
		}
		if r.Engine.Containerd { // which has them as its own image has
			layers, err := r.Engine.LayersOf(ctx, p.have)
			if err != nil {
				return nil, err
			}
			own = layers[len(layers)-len(own):]
		}
		whole.Layers = slices.Concat(made.Layers, own)
		return whole, nil
	}
	lease := r.Engine.Lease()
	defer func() { err = errors.Join(err, lease.End()) }()
	step := r.View().Step("making " + result.References[0])
	id, err := assembly{
		Recipe: r.recipe(p.is, p.deps, p.base, p.kept), engine: r.Engine, deps: p.deps, base: p.base, onto: onto,
		announce: lease.Image, sent: step.Part("handed to the engine", 0),
	}.run(ctx)
	step.End(err)
	if err != nil {
		return err
	}
	result.ID = id
	if err := r.Engine.Tag(ctx, id, result.References); err != nil {
		return errors.Join(err, r.Engine.RemoveNameless(ctx, id))
	}
	return nil
}
