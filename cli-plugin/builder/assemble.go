package builder

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/opencontainers/go-digest"
)

// assembly makes a runtime image in an engine out of layers that exist and one
// that it writes, without running anything.
type assembly struct {
	image.Recipe
	engine *engine.Engine
	deps   *image.Image
	base   *image.Image // nil: scratch

	onto     func(*image.Image) (*image.Image, error) // lays more over what is made; nil: nothing
	announce func(id string) error                    // called before the engine can have the image
	sent     io.Writer                                // gets what the engine gets
}

// run makes the image and returns its ID. It has no name yet. The engine gets
// only the layers that it lacks; where it refuses that, all of them.
func (a assembly) run(ctx context.Context) (string, error) {
	known := engine.Chains{}
	if a.base != nil {
		var err error
		if known, err = a.engine.ChainsOver(ctx, a.base); err != nil {
			return "", err
		}
		known.Add(a.base.DiffIDs())
	}
	known.Add(a.deps.DiffIDs())
	complete := false
	var id string
	err := a.Retry(func(w image.Attempt) (err error) {
		for {
			id, err = attempt{a, w, known, complete}.run(ctx)
			var refused *engine.RefusedError
			if complete || !errors.As(err, &refused) || ctx.Err() != nil || full(err) {
				return err
			}
			complete = true
		}
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// attempt is one way to assemble.
type attempt struct {
	assembly
	image.Attempt
	known    engine.Chains // layer stacks that the engine has
	complete bool          // nothing is left out of the archive
}

// run streams the archive into the engine while it is being made: the base's
// layers are read for set-up and handed on in one pass.
func (t attempt) run(ctx context.Context) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pipe, sink := io.Pipe()
	loaded := make(chan error, 1)
	go func() {
		err := t.engine.Load(ctx, pipe)
		// A refusal ends the writer below.
		pipe.CloseWithError(cmp.Or(err, errLoadEnded))
		loaded <- err
	}()
	id, stack, err := t.write(ctx, tar.NewWriter(io.MultiWriter(sink, t.sent)))
	sink.CloseWithError(err) // nil: end of file
	loadErr := <-loaded
	var refused *engine.RefusedError
	if errors.As(loadErr, &refused) && (err == nil || errors.Is(err, loadErr) || errors.Is(err, errLoadEnded)) {
		err = loadErr
	}
	if err = cmp.Or(err, loadErr); err == nil {
		err = t.engine.Holds(ctx, id, stack)
	}
	if err != nil && id != "" {
		err = errors.Join(err, t.engine.RemoveNameless(ctx, id))
	}
	return id, err
}

var errLoadEnded = errors.New("the engine stopped reading the archive")

// write writes the archive and returns the image's ID and layers.
func (t attempt) write(ctx context.Context, archive *tar.Writer) (id string, stack []digest.Digest, err error) {
	base, err := t.readBase(ctx, archive)
	if err != nil {
		return "", nil, err
	}
	made, err := t.Compose(base, t.Attempt, image.Gzip, func(below []image.Layer) ([]image.Layer, error) {
		return t.payload(ctx, archive, image.DiffIDs(below))
	})
	if err != nil {
		return "", nil, err
	}
	if t.onto != nil {
		if made, err = t.onto(made); err != nil {
			return "", nil, err
		}
	}
	finish := (*image.Image).WriteDockerArchive
	if t.engine.Containerd {
		finish = (*image.Image).WriteLayout
	}
	written, err := finish(made, archive, t.announce)
	return written.String(), made.DiffIDs(), err
}

// readBase reads the base's layers. They are handed on unless the engine has
// them at their place in the stack.
func (t attempt) readBase(ctx context.Context, archive *tar.Writer) (*image.Image, error) {
	if t.base == nil {
		return &image.Image{}, nil
	}
	stack := t.base.DiffIDs()
	if !t.BaseFirst {
		stack = slices.Concat(t.deps.DiffIDs(), stack)
	}
	how := image.Reading{Keep: t.Keep}
	if t.complete || !t.engine.Containerd && !t.known.Has(stack) {
		how.Forward = archive
	}
	return t.engine.Save(ctx, t.base, how)
}

// payload returns the payload's layers and, where the engine lacks them above
// those of below, hands them on.
func (t attempt) payload(ctx context.Context, archive *tar.Writer, below []digest.Digest) ([]image.Layer, error) {
	if t.complete || !t.engine.Containerd && !t.known.Has(slices.Concat(below, t.deps.DiffIDs())) {
		saved, err := t.engine.Save(ctx, t.deps, image.Reading{Forward: archive})
		if err != nil {
			return nil, err
		}
		if t.engine.Containerd {
			engine.RememberLayers(t.deps.ID, saved.Layers)
		}
		return saved.Layers, nil
	}
	if t.engine.Containerd {
		return t.engine.LayersOf(ctx, t.deps)
	}
	return image.OfEngine(t.deps.DiffIDs()), nil
}
