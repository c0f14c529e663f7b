package image

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
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Recipe says what a runtime image is to be, wherever it goes.
type Recipe struct {
	Runtime plan.Runtime
	Labels  map[string]string // beside those of the plan
	Arch    string
	Created time.Time // of the image and of the files that are made
	Logf    func(format string, args ...any)
}

// Attempt is what turns out only when a base is read.
type Attempt struct {
	BaseFirst bool            // the payload's layers lie above the base's
	content   map[string]bool // files of the base that are read beside the usual ones
}

// SetUpStep is how the history of an assembled image names its uppermost layer,
// before the name of the user.
const SetUpStep = "docker openhands: set up "

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

// Retry calls try until it has found what goes with the base. What remains
// wrong with the base is an error with a code.
func (r Recipe) Retry(try func(Attempt) error) error {
	w := Attempt{BaseFirst: r.Runtime.LayerOrder == plan.OrderBaseFirst, content: map[string]bool{}}
	for n := 1; ; n++ {
		err := try(w)
		var conflict *conflictError
		var missing *notKeptError
		var excess *ExcessError
		var damaged *damagedError
		switch {
		case errors.As(err, &excess):
			return problem.New(problem.TooLarge, fmt.Sprintf("the base %s is larger than what set-up works with", r.Runtime.Base), err,
				"Use another base, or make one of it without what is named")
		case errors.As(err, &damaged):
			return problem.New(problem.BaseConflict, fmt.Sprintf("the base %s has a layer that no engine can unpack", r.Runtime.Base), err,
				"Make the base anew, or use another one")
		case errors.As(err, &conflict) && r.Runtime.LayerOrder == plan.OrderAuto && !w.BaseFirst:
			w.BaseFirst = true
		case errors.As(err, &conflict):
			return problem.New(problem.BaseConflict,
				fmt.Sprintf("the payload cannot lie below the base %s", r.Runtime.Base), err,
				"Use --layer-order auto or base-first: the base's own "+payload.Prefix+" is hidden then")
		case errors.As(err, &missing) && n < maxReadings && !w.knows(missing.files):
			maps.Copy(w.content, missing.files)
		case errors.As(err, &missing):
			return problem.New(problem.TooLarge, fmt.Sprintf("set-up would have to read more of the base %s than it can hold", r.Runtime.Base), err,
				"See what of /etc, or of what links there lead to, is large, sparse or linked many times, and make a base without it")
		default:
			return err
		}
	}
}

// knows reports whether each of the files is read already.
func (w Attempt) knows(files map[string]bool) bool {
	for name := range files {
		if !w.content[name] {
			return false
		}
	}
	return true
}

// Keep reports which files of a base are kept for set-up.
func (w Attempt) Keep(name string, size int64) bool {
	return setup.Reads("/"+name, size) || w.content[name]
}

// Extra tells attempts apart by what they read of a base beside the usual files.
func (w Attempt) Extra() string { return strings.Join(slices.Sorted(maps.Keys(w.content)), "\x00") }

// Compose puts the image together over a base that was looked into.
// LayersOfPayload is passed the layers that lie under the payload's, none when
// those are the lowest. What is made here is compressed as form says.
func (r Recipe) Compose(base *Image, w Attempt, form Compression, layersOfPayload func(below []Layer) ([]Layer, error)) (*Image, error) {
	run := func(layers []Layer) Layers {
		return Layers{Layers: layers, Origin: payload.LayerOrigin + r.Runtime.Labels[payload.LabelDepsTag]}
	}
	own := func(data []byte, by string) (Layers, error) {
		l, err := NewLayer(data, form)
		return Layers{Layers: []Layer{l}, History: []ocispec.History{{Created: &r.Created, CreatedBy: by}}}, err
	}
	runs := []Layers{{Layers: base.Layers, History: base.Config.History, Origin: "base image " + r.Runtime.Base}}
	if conflict := conflict(base); conflict != nil {
		if !w.BaseFirst {
			return nil, conflict
		}
		data, err := opaqueMarker(root, r.Created)
		if err != nil {
			return nil, fmt.Errorf("writing the marker that hides the base's /%s: %w", root, err)
		}
		marker, err := own(data, "docker openhands: hide /"+root)
		if err != nil {
			return nil, fmt.Errorf("writing the marker that hides the base's /%s: %w", root, err)
		}
		runs = append(runs, marker)
	}
	if w.BaseFirst {
		layers, err := layersOfPayload(slices.Concat(layersOf(runs)...))
		if err != nil {
			return nil, err
		}
		runs = append(runs, run(layers))
	} else {
		layers, err := layersOfPayload(nil)
		if err != nil {
			return nil, err
		}
		runs = append([]Layers{run(layers)}, runs...)
	}
	data, err := r.setup(base)
	if err != nil {
		return nil, err
	}
	last, err := own(data, SetUpStep+r.Runtime.User)
	if err != nil {
		return nil, fmt.Errorf("compressing the set-up layer: %w", err)
	}
	runs = append(runs, last)
	return &Image{
		Config: runtimeConfig(r.Runtime, base.Config, r.Arch, r.Created, r.Labels, runs),
		Layers: slices.Concat(layersOf(runs)...),
	}, nil
}

func layersOf(runs []Layers) [][]Layer {
	all := make([][]Layer, len(runs))
	for i, run := range runs {
		all[i] = run.Layers
	}
	return all
}

// conflict returns a *conflictError where the base has a claim to the payload's
// folder.
func conflict(base *Image) error {
	for _, l := range base.Layers {
		if entry := l.Listing.claims(root); entry != "" {
			return &conflictError{entry}
		}
	}
	return nil
}

// setup returns the set-up layer.
func (r Recipe) setup(base *Image) ([]byte, error) {
	listings := make([]*Listing, len(base.Layers))
	for i, l := range base.Layers {
		listings[i] = l.Listing
	}
	view := newRootFS(listings)
	changes, notes, err := setup.Plan(view, setup.Options{
		User: r.Runtime.User, UID: r.Runtime.UID, Sudo: r.Runtime.Sudo, Tools: r.Runtime.Tools, Server: r.Runtime.Server().Name, Arch: r.Arch,
		Path: SearchPath(base.Config.Config.Env),
	})
	if len(view.missing) > 0 { // what follows from them means nothing
		return nil, &notKeptError{view.missing}
	}
	if err != nil {
		return nil, problem.New(problem.BaseConflict, fmt.Sprintf("the base %s cannot be set up", r.Runtime.Base), err,
			"Correct that in a Dockerfile FROM it, or use another base; what is wrong with its sudoers does not matter with --no-sudo")
	}
	for _, note := range notes {
		r.Logf("%s", note)
	}
	size := 0
	for _, c := range changes {
		size += len(c.Content) + tarBlock*4
	}
	var b bytes.Buffer
	b.Grow(size)
	err = setup.WriteTar(&b, changes, r.Created)
	return b.Bytes(), err
}

// tarBlock is the unit in bytes of a tar archive.
const tarBlock = 512

// SearchPath is the PATH of an image's environment; empty where it has none.
func SearchPath(env []string) string {
	for _, variable := range env {
		if value, ok := strings.CutPrefix(variable, "PATH="); ok {
			return value
		}
	}
	return ""
}
