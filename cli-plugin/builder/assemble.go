package builder

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/oh-init/setup"
	"github.com/moby/moby/api/types/image"
	"github.com/opencontainers/go-digest"
)

// assembly makes a runtime image out of layers that exist and one that it
// writes, without running anything.
type assembly struct {
	engine  *Engine
	runtime plan.Runtime
	labels  map[string]string // beside those of the plan
	deps    *image.InspectResponse
	base    *image.InspectResponse // nil: scratch
	created time.Time              // of the image and of the files that are made

	announce func(id string) error // called before the engine can have the image
}

// root is the payload's folder as an entry of the root directory.
var root = strings.TrimPrefix(payload.Prefix, "/")

// conflictError says that the base has a claim to the payload's folder, so
// that the payload cannot lie below it.
type conflictError struct{ entry string }

func (e *conflictError) Error() string {
	return fmt.Sprintf("the base has /%s in a layer", e.entry)
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
		known.add(diffIDs(a.base))
	}
	known.add(diffIDs(a.deps))
	try := attempt{assembly: a, known: known, baseFirst: a.runtime.LayerOrder == plan.OrderBaseFirst, content: map[string]bool{}}
	for {
		id, err := try.run(ctx)
		var conflict *conflictError
		var missing *notKeptError
		var refused *refusedError
		switch {
		case err == nil:
			return id, nil
		case errors.As(err, &conflict) && a.runtime.LayerOrder == plan.OrderAuto && !try.baseFirst:
			try.baseFirst = true
		case errors.As(err, &conflict):
			return "", problem.New(problem.BaseConflict,
				fmt.Sprintf("the payload cannot lie below the base %s", a.runtime.Base), err,
				"Use --layer-order auto or base-first: the base's own "+payload.Prefix+" is hidden then")
		case errors.As(err, &missing) && !try.content[cleanName(missing.path)]:
			try.content[cleanName(missing.path)] = true
		case errors.As(err, &refused) && ctx.Err() == nil && !full(err) && !try.complete:
			try.complete = true
		default:
			return "", err
		}
	}
}

// attempt is one way to assemble.
type attempt struct {
	assembly
	known     chains          // layer stacks that the engine has
	baseFirst bool            // the payload's layers lie above the base's
	complete  bool            // nothing is left out of the archive
	content   map[string]bool // files of the base that are read beside the usual ones
}

// keep says which files of a base set-up may read, see setup.View.
func (t attempt) keep(name string, size int64) bool {
	if size > setup.MaxFile {
		return false
	}
	dir, base, nested := cutLast(name)
	return strings.HasPrefix(name, "etc/") ||
		nested && strings.HasPrefix(base, ".") && strings.Count(dir, "/") < 2 ||
		t.content[name]
}

func cutLast(name string) (dir, base string, nested bool) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
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
		err = t.verify(ctx, id, stack)
	}
	if err != nil && id != "" {
		err = errors.Join(err, t.engine.removeNameless(ctx, id))
	}
	return id, err
}

var errLoadEnded = errors.New("the engine stopped reading the archive")

// verify checks that the engine holds the image with all of its layers:
// containerd's store accepts a manifest whose blobs it does not have.
func (t attempt) verify(ctx context.Context, id string, stack []digest.Digest) error {
	image, err := t.engine.inspect(ctx, id)
	if err != nil {
		return err
	}
	if image == nil {
		return &refusedError{fmt.Errorf("the engine does not have the image %s after loading it", id)}
	}
	if !slices.Equal(diffIDs(image), stack) {
		return &refusedError{fmt.Errorf("the engine holds the image %s with %d of its %d layers", id, len(image.RootFS.Layers), len(stack))}
	}
	return nil
}

// write writes the archive and returns the image's ID and layers.
func (t attempt) write(ctx context.Context, archive *tar.Writer) (id string, stack []digest.Digest, err error) {
	base, err := t.readBase(ctx, archive)
	if err != nil {
		return "", nil, err
	}
	var own []ownLayer
	add := func(data []byte, by string) (stratum, error) {
		l, err := newOwnLayer(data)
		own = append(own, l)
		return l.stratum(t.created, by), err
	}

	baseStratum := stratum{
		diffIDs: base.Config.RootFS.DiffIDs, paths: base.Paths, descriptors: base.Descriptors,
		history: base.Config.History, origin: "base image " + t.runtime.Base,
	}
	strata := []stratum{baseStratum}
	if conflict := t.conflict(base); conflict != nil {
		if !t.baseFirst {
			return "", nil, conflict
		}
		data, err := opaqueMarker(root, t.created)
		if err != nil {
			return "", nil, fmt.Errorf("writing the marker that hides the base's %s: %w", payload.Prefix, err)
		}
		marker, err := add(data, "docker openhands: hide "+payload.Prefix)
		if err != nil {
			return "", nil, err
		}
		strata = append(strata, marker)
	}
	depsStratum, err := t.depsStratum(ctx, archive, strata)
	if err != nil {
		return "", nil, err
	}
	if t.baseFirst {
		strata = append(strata, depsStratum)
	} else {
		strata = append([]stratum{depsStratum}, strata...)
	}

	layers, err := t.setup(base)
	if err != nil {
		return "", nil, err
	}
	top, err := add(layers, "docker openhands: set up "+t.runtime.User)
	if err != nil {
		return "", nil, err
	}
	strata = append(strata, top)

	config := runtimeConfig(t.runtime, base.Config, t.engine.arch, t.created, t.labels, strata)
	finish := writeDockerArchive
	if t.engine.containerd {
		finish = writeLayout
	}
	written, err := finish(archive, config, strata, own, t.announce)
	return written.String(), config.RootFS.DiffIDs, err
}

// readBase reads the base's layers. They are handed on unless the engine has
// them at their place in the stack.
func (t attempt) readBase(ctx context.Context, archive *tar.Writer) (*savedImage, error) {
	if t.base == nil {
		return &savedImage{}, nil
	}
	stack := diffIDs(t.base)
	if !t.baseFirst {
		stack = append(diffIDs(t.deps), stack...)
	}
	how := reading{keep: t.keep}
	if t.complete || !t.engine.containerd && !t.known.has(stack) {
		how.forward = archive
	}
	return t.engine.save(ctx, t.base.ID, how)
}

func (t attempt) conflict(base *savedImage) error {
	for _, l := range base.layers {
		if entry := l.claims(root); entry != "" {
			return &conflictError{entry}
		}
	}
	return nil
}

// depsStratum describes the payload's layers and, where the engine lacks them
// above those of below, hands them on.
func (t attempt) depsStratum(ctx context.Context, archive *tar.Writer, below []stratum) (stratum, error) {
	s := stratum{diffIDs: diffIDs(t.deps), origin: "docker openhands: payload " + t.runtime.Labels[payload.LabelDepsTag]}
	var stack []digest.Digest
	if t.baseFirst {
		for _, b := range below {
			stack = append(stack, b.diffIDs...)
		}
	}
	if t.complete || !t.engine.containerd && !t.known.has(append(stack, s.diffIDs...)) {
		saved, err := t.engine.save(ctx, t.deps.ID, reading{forward: archive})
		if err != nil {
			return stratum{}, err
		}
		s.paths, s.descriptors = saved.Paths, saved.Descriptors
		if t.engine.containerd {
			err = t.engine.remember(t.deps.ID, saved.Descriptors)
		}
		return s, err
	}
	if t.engine.containerd {
		var err error
		s.descriptors, err = t.engine.descriptors(ctx, t.deps.ID)
		return s, err
	}
	for _, id := range s.diffIDs {
		s.paths = append(s.paths, id.Encoded()+"/layer.tar")
	}
	return s, nil
}

// setup returns the set-up layer.
func (t attempt) setup(base *savedImage) ([]byte, error) {
	changes, err := setup.Plan(newRootFS(base.layers), setup.Options{
		User: t.runtime.User, UID: t.runtime.UID, Sudo: t.runtime.Sudo, Project: t.runtime.Server().OwnArguments, Arch: t.engine.arch,
	})
	if err != nil {
		return nil, fmt.Errorf("planning the set-up of %s: %w", t.runtime.Base, err)
	}
	var b bytes.Buffer
	err = setup.WriteTar(&b, changes, t.created)
	return b.Bytes(), err
}
