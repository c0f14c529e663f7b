package builder

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/oh-init/setup"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// recipe says what a runtime image is to be, wherever it goes.
type recipe struct {
	runtime plan.Runtime
	labels  map[string]string // beside those of the plan
	arch    string
	created time.Time // of the image and of the files that are made
	logf    func(format string, args ...any)
}

// way is what turns out only when a base is read.
type way struct {
	baseFirst bool            // the payload's layers lie above the base's
	content   map[string]bool // files of the base that are read beside the usual ones
}

// composition is an image: its configuration and its layers from the lowest up.
type composition struct {
	config dockerspec.DockerOCIImage
	strata []stratum
	own    []ownLayer // those of strata that were made here
}

func (c composition) descriptors() []ocispec.Descriptor {
	var all []ocispec.Descriptor
	for _, s := range c.strata {
		all = append(all, s.descriptors...)
	}
	return all
}

// setUpStep is how the history of an assembled image names its uppermost layer,
// before the name of the user.
const setUpStep = "docker openhands: set up "

// root is the payload's folder as an entry of the root directory.
var root = strings.TrimPrefix(payload.Prefix, "/")

// conflictError says that the base has a claim to the payload's folder, so
// that the payload cannot lie below it.
type conflictError struct{ entry string }

func (e *conflictError) Error() string {
	return fmt.Sprintf("the base has /%s in a layer", e.entry)
}

// notKeptError says that a plan lacks the content of files, which was not kept
// while the base was read.
type notKeptError struct{ files map[string]bool } // by names of entries

func (e *notKeptError) Error() string {
	names := slices.Sorted(maps.Keys(e.files))
	return fmt.Sprintf("the content of %d files was not read, of %q for one", len(names), names[0])
}

// maxReadings is how many times a base is read. A link that leads to a file
// which is not usually read takes one more, and that is all that bases need.
const maxReadings = 8

// settle calls try until it has found the way that goes with the base.
func (r recipe) settle(try func(way) error) error {
	w := way{baseFirst: r.runtime.LayerOrder == plan.OrderBaseFirst, content: map[string]bool{}}
	for n := 1; ; n++ {
		err := try(w)
		var conflict *conflictError
		var missing *notKeptError
		var excess *excessError
		var damaged *damagedError
		switch {
		case errors.As(err, &excess):
			return problem.New(problem.TooLarge, fmt.Sprintf("the base %s is larger than what set-up works with", r.runtime.Base), err,
				"Use another base, or make one of it without what is named")
		case errors.As(err, &damaged):
			return problem.New(problem.BaseConflict, fmt.Sprintf("the base %s has a layer that no engine can unpack", r.runtime.Base), err,
				"Make the base anew, or use another one")
		case errors.As(err, &conflict) && r.runtime.LayerOrder == plan.OrderAuto && !w.baseFirst:
			w.baseFirst = true
		case errors.As(err, &conflict):
			return problem.New(problem.BaseConflict,
				fmt.Sprintf("the payload cannot lie below the base %s", r.runtime.Base), err,
				"Use --layer-order auto or base-first: the base's own "+payload.Prefix+" is hidden then")
		case errors.As(err, &missing) && n < maxReadings && !w.knows(missing.files):
			maps.Copy(w.content, missing.files)
		case errors.As(err, &missing):
			return problem.New(problem.TooLarge, fmt.Sprintf("set-up would have to read more of the base %s than it can hold", r.runtime.Base), err,
				"See what of /etc, or of what links there lead to, is large, sparse or linked many times, and make a base without it")
		default:
			return err
		}
	}
}

// knows reports whether each of the files is read already.
func (w way) knows(files map[string]bool) bool {
	for name := range files {
		if !w.content[name] {
			return false
		}
	}
	return true
}

// keep says which files of a base are kept for set-up.
func (w way) keep(name string, size int64) bool {
	return setup.Reads("/"+name, size) || w.content[name]
}

// compose puts the image together over a base whose content was read. Deps
// describes the payload's layers, told which ones lie below them if the base's
// do. What is made here is compressed as form says.
func (r recipe) compose(base *savedImage, w way, form Compression, deps func(below []stratum) (stratum, error)) (composition, error) {
	var made composition
	add := func(data []byte, by string) error {
		l, err := newOwnLayer(data, form)
		made.own = append(made.own, l)
		made.strata = append(made.strata, l.stratum(r.created, by))
		return err
	}
	made.strata = []stratum{{
		diffIDs: base.Config.RootFS.DiffIDs, paths: base.Paths, descriptors: base.Descriptors,
		history: base.Config.History, origin: "base image " + r.runtime.Base,
	}}
	if conflict := conflict(base); conflict != nil {
		if !w.baseFirst {
			return made, conflict
		}
		data, err := opaqueMarker(root, r.created)
		if err == nil {
			err = add(data, "docker openhands: hide "+payload.Prefix)
		}
		if err != nil {
			return made, fmt.Errorf("writing the marker that hides the base's %s: %w", payload.Prefix, err)
		}
	}
	payloadLayers, err := deps(made.strata)
	if err != nil {
		return made, err
	}
	if w.baseFirst {
		made.strata = append(made.strata, payloadLayers)
	} else {
		made.strata = append([]stratum{payloadLayers}, made.strata...)
	}
	data, err := r.setup(base)
	if err != nil {
		return made, err
	}
	if err := add(data, setUpStep+r.runtime.User); err != nil {
		return made, err
	}
	made.config = runtimeConfig(r.runtime, base.Config, r.arch, r.created, r.labels, made.strata)
	return made, nil
}

func conflict(base *savedImage) error {
	for _, l := range base.layers {
		if entry := l.claims(root); entry != "" {
			return &conflictError{entry}
		}
	}
	return nil
}

// payloadStratum describes the layers of a payload, but not where they are.
func (r recipe) payloadStratum(deps *Image) stratum {
	return stratum{diffIDs: deps.DiffIDs(), origin: "docker openhands: payload " + r.runtime.Labels[payload.LabelDepsTag]}
}

// setup returns the set-up layer.
func (r recipe) setup(base *savedImage) ([]byte, error) {
	view := newRootFS(base.layers)
	changes, notes, err := setup.Plan(view, setup.Options{
		User: r.runtime.User, UID: r.runtime.UID, Sudo: r.runtime.Sudo, Project: r.runtime.Server().OwnArguments, Arch: r.arch,
		Path: searchPath(base.Config.Config.Env),
	})
	if len(view.missing) > 0 { // what follows from them means nothing
		return nil, &notKeptError{view.missing}
	}
	if err != nil {
		return nil, problem.New(problem.BaseConflict, fmt.Sprintf("the base %s cannot be set up", r.runtime.Base), err,
			"Correct that in a Dockerfile FROM it, or use another base; what is wrong with its sudoers does not matter with --no-sudo")
	}
	for _, note := range notes {
		r.logf("%s", note)
	}
	size := 0
	for _, c := range changes {
		size += len(c.Content) + tarBlock*4
	}
	var b bytes.Buffer
	b.Grow(size)
	err = setup.WriteTar(&b, changes, r.created)
	return b.Bytes(), err
}

// tarBlock is the unit in bytes of a tar archive.
const tarBlock = 512

// searchPath is the PATH of an image's environment; empty where it has none.
func searchPath(env []string) string {
	for _, variable := range env {
		if value, ok := strings.CutPrefix(variable, "PATH="); ok {
			return value
		}
	}
	return ""
}
