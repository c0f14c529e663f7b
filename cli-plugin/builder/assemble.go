package builder

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/opencontainers/go-digest"
)

// assembly makes a runtime image in an engine out of layers that exist and one
// that it writes, without running anything.
type assembly struct {
	image.Recipe
	engine *Engine
	deps   *image.Image
	base   *image.Image // nil: scratch

	announce func(id string) error // called before the engine can have the image
}

// refusedError is an engine's refusal of an archive.
type refusedError struct{ err error }

func (e *refusedError) Error() string { return e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }

// run makes the image and returns its ID. It has no name yet. The engine gets
// only the layers that it lacks; where it refuses that, all of them.
func (a assembly) run(ctx context.Context) (string, error) {
	known := chains{}
	if a.base != nil {
		var err error
		if known, err = a.engine.chainsOver(ctx, a.base); err != nil {
			return "", err
		}
		known.add(a.base.DiffIDs())
	}
	known.add(a.deps.DiffIDs())
	complete := false
	var id string
	err := a.Retry(func(w image.Attempt) (err error) {
		for {
			id, err = attempt{a, w, known, complete}.run(ctx)
			var refused *refusedError
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
	known    chains // layer stacks that the engine has
	complete bool   // nothing is left out of the archive
}

// run streams the archive into the engine while it is being made: the base's
// layers are read for set-up and handed on in one pass.
func (t attempt) run(ctx context.Context) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pipe, sink := io.Pipe()
	loaded := make(chan error, 1)
	go func() {
		err := t.engine.load(ctx, pipe)
		// A refusal ends the writer below.
		pipe.CloseWithError(cmp.Or(err, errLoadEnded))
		loaded <- err
	}()
	id, stack, err := t.write(ctx, tar.NewWriter(sink))
	sink.CloseWithError(err) // nil: end of file
	loadErr := <-loaded
	var refused *refusedError
	if errors.As(loadErr, &refused) && (err == nil || errors.Is(err, loadErr) || errors.Is(err, errLoadEnded)) {
		err = loadErr
	}
	if err = cmp.Or(err, loadErr); err == nil {
		err = t.engine.holds(ctx, id, stack)
	}
	if err != nil && id != "" {
		err = errors.Join(err, t.engine.removeNameless(ctx, id))
	}
	return id, err
}

var errLoadEnded = errors.New("the engine stopped reading the archive")

// holds checks that the engine holds the image with all of its layers:
// containerd's store accepts a manifest whose blobs it does not have.
func (e *Engine) holds(ctx context.Context, id string, stack []digest.Digest) error {
	image, err := e.inspect(ctx, id)
	if err != nil {
		return err
	}
	if image == nil {
		return &refusedError{fmt.Errorf("the engine does not have the image %s after loading it", id)}
	}
	if !slices.Equal(image.DiffIDs(), stack) {
		return &refusedError{fmt.Errorf("the engine holds the image %s with %d of its %d layers", id, len(image.DiffIDs()), len(stack))}
	}
	return nil
}

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
	finish := (*image.Image).WriteDockerArchive
	if t.engine.containerd {
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
	if t.complete || !t.engine.containerd && !t.known.has(stack) {
		how.Forward = archive
	}
	return t.engine.save(ctx, t.base, how)
}

// payload returns the payload's layers and, where the engine lacks them above
// those of below, hands them on.
func (t attempt) payload(ctx context.Context, archive *tar.Writer, below []digest.Digest) ([]image.Layer, error) {
	if t.complete || !t.engine.containerd && !t.known.has(slices.Concat(below, t.deps.DiffIDs())) {
		saved, err := t.engine.save(ctx, t.deps, image.Reading{Forward: archive})
		if err != nil {
			return nil, err
		}
		if t.engine.containerd {
			rememberLayers(t.deps.ID, saved.Layers)
		}
		return saved.Layers, nil
	}
	if t.engine.containerd {
		return t.engine.layersOf(ctx, t.deps)
	}
	return image.OfEngine(t.deps.DiffIDs()), nil
}
