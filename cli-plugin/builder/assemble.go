package builder

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
	"github.com/opencontainers/go-digest"
)

// assembly makes a runtime image in an engine out of layers that exist and one
// that it writes, without running anything.
type assembly struct {
	recipe
	engine *Engine
	deps   *Image
	base   *Image // nil: scratch

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
	err := a.settle(func(w way) (err error) {
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
	way
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
	made, err := t.compose(base, t.way, Gzip, func(below []stratum) (stratum, error) { return t.depsStratum(ctx, archive, below) })
	if err != nil {
		return "", nil, err
	}
	finish := writeDockerArchive
	if t.engine.containerd {
		finish = writeLayout
	}
	written, err := finish(archive, made, t.announce)
	return written.String(), made.config.RootFS.DiffIDs, err
}

// readBase reads the base's layers. They are handed on unless the engine has
// them at their place in the stack.
func (t attempt) readBase(ctx context.Context, archive *tar.Writer) (*savedImage, error) {
	if t.base == nil {
		return &savedImage{}, nil
	}
	stack := t.base.DiffIDs()
	if !t.baseFirst {
		stack = append(t.deps.DiffIDs(), stack...)
	}
	how := reading{keep: t.keep}
	if t.complete || !t.engine.containerd && !t.known.has(stack) {
		how.forward = archive
	}
	return t.engine.save(ctx, t.base, how)
}

// depsStratum describes the payload's layers and, where the engine lacks them
// above those of below, hands them on.
func (t attempt) depsStratum(ctx context.Context, archive *tar.Writer, below []stratum) (stratum, error) {
	s := t.payloadStratum(t.deps)
	var stack []digest.Digest
	if t.baseFirst {
		for _, b := range below {
			stack = append(stack, b.diffIDs...)
		}
	}
	if t.complete || !t.engine.containerd && !t.known.has(append(stack, s.diffIDs...)) {
		saved, err := t.engine.save(ctx, t.deps, reading{forward: archive})
		if err != nil {
			return stratum{}, err
		}
		s.paths, s.descriptors = saved.Paths, saved.Descriptors
		if t.engine.containerd {
			state.Remember(descriptorCache, t.deps.ID, saved.Descriptors)
		}
		return s, nil
	}
	if t.engine.containerd {
		var err error
		s.descriptors, err = t.engine.descriptors(ctx, t.deps)
		return s, err
	}
	for _, id := range s.diffIDs {
		s.paths = append(s.paths, id.Encoded()+"/layer.tar")
	}
	return s, nil
}
