package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/opencontainers/go-digest"
)

// Details are what is known of one image of ours.
type Details struct {
	Stored
	Platform string            `json:"platform"`
	Created  string            `json:"created"`
	Inputs   map[string]string `json:"inputs"` // of the hash in the deps tag, by name; parts are hashes themselves
	Labels   map[string]string `json:"labels"`
	Layers   []Layer           `json:"layers"` // the lowest first
	Manifest payload.Manifest  `json:"manifest"`
	Packages []string          `json:"packages"` // bill of materials: package URLs
}

// Layer is a layer of an image in an engine.
type Layer struct {
	DiffID    string `json:"diffID"`
	Component string `json:"component,omitempty"` // of the payload, or libs or manifest; empty where the image does not say
	CreatedBy string `json:"createdBy"`
	Size      int64  `json:"size"`
	Images    int    `json:"images"` // of the engine that have it on disk in common, this one among them

	Others []string `json:"otherImages"` // the others of them: a name of each, else its ID; sorted
}

// Details describes the image ref of the engine.
func (e *Engine) Details(ctx context.Context, ref string) (*Details, error) {
	found, err := e.Image(ctx, ref)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, problem.New(problem.NotFound, "the engine has no image "+ref, nil, e.Meant(ctx, ref)+"'docker openhands ls' shows those that it has")
	}
	inv, err := e.Inventory(ctx)
	if err != nil {
		return nil, err
	}
	d := &Details{Platform: found.Platform(), Labels: found.Labels(), Inputs: map[string]string{}, Packages: []string{}}
	if created := found.Config.Created; created != nil {
		d.Created = created.Format(time.RFC3339Nano)
	}
	for _, img := range inv.Images {
		if img.ID == found.ID {
			d.Stored = img
		}
	}
	if d.ID == "" {
		return nil, problem.New(problem.NotDeps, ref+" is neither a payload nor a runtime image of OpenHands", nil, "'docker openhands ls' shows those that the engine has")
	}
	for field := range strings.FieldsSeq(d.Labels[payload.LabelInputs]) {
		if name, value, ok := strings.Cut(field, "="); ok {
			d.Inputs[name] = value
		}
	}
	if d.Layers, err = e.layers(ctx, inv, d.ID, found.DiffIDs()); err != nil {
		return nil, err
	}
	nameComponents(d.Layers, payload.ReadLabels(d.Labels))
	d.Manifest, err = e.readManifest(ctx, d.ID)
	if errors.Is(err, errNoDocument) {
		err = problem.New(problem.NotDeps, "the payload of "+ref+" does not say what it is", err, "'docker openhands verify "+ref+"' looks at the rest of it")
	}
	if err != nil {
		return nil, err
	}
	for _, component := range d.Manifest.Components {
		for _, p := range component.Packages {
			d.Packages = append(d.Packages, p.URL())
		}
	}
	return d, nil
}

// layers pairs the image's layers with their history.
func (e *Engine) layers(ctx context.Context, inv *Inventory, id string, diffIDs []digest.Digest) ([]Layer, error) {
	history, err := e.API.ImageHistory(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading the history of %s: %w", id, err)
	}
	steps := layerSteps(history.Items, len(diffIDs))
	layers := make([]Layer, len(diffIDs))
	for i, diffID := range diffIDs {
		users := inv.users[inv.stack[id][i]]
		layers[i] = Layer{DiffID: diffID.String(), Images: len(users), Others: []string{}}
		for _, user := range users {
			if user != id {
				layers[i].Others = append(layers[i].Others, inv.names[user])
			}
		}
		slices.Sort(layers[i].Others)
		if i < len(steps) {
			layers[i].CreatedBy, layers[i].Size = steps[i].CreatedBy, steps[i].Size
		}
	}
	return layers, nil
}

// nameComponents says of the layers of the payload what they hold, if the labels
// do for just so many layers: a payload in one layer has none to tell apart.
func nameComponents(layers []Layer, labels payload.Labels) {
	names := strings.Split(labels.Layers, ",")
	var own []*Layer
	for i := range layers {
		if labels.Kind == payload.KindDeps || strings.HasPrefix(layers[i].CreatedBy, payload.LayerOrigin) {
			own = append(own, &layers[i])
		}
	}
	if len(own) != len(names) {
		return
	}
	for i, name := range names {
		own[i].Component = name
	}
}
