package image

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/payload"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// StackError says that an image does not have the layers that it is said to be
// made of.
type StackError struct{ what string }

func (e *StackError) Error() string { return e.what }

// Own returns the layers that an image has on top of those of before, which it
// was made of. An image with other layers is a *StackError.
func (i *Image) Own(before *Image) ([]Layer, error) {
	have, below := i.DiffIDs(), before.DiffIDs()
	for n, id := range below {
		if n >= len(have) || have[n] != id {
			return nil, &StackError{fmt.Sprintf("layer %d of %d is not the one that its payload, its base and their set-up come to", n+1, len(have))}
		}
	}
	if len(i.Layers) == 0 { // as an engine describes it
		return OfEngine(have[len(below):]), nil
	}
	return slices.Clone(i.Layers[len(below):]), nil
}

// Rebased returns the image have, which is before with layers and settings of
// somebody's own, as those of after with the same own layers and settings.
//
// Of the settings, each variable, label, port and volume counts by itself. What
// have says otherwise than before is its own; what it says like before is what
// after says. In an own PATH the part that is before's becomes after's. Labels of
// this program are after's in any case, but for the one that tells of extra
// dependencies.
func Rebased(have, before, after *Image) (*Image, error) {
	own, err := have.Own(before)
	if err != nil {
		return nil, err
	}
	was, is := Image{Config: before.Config}, Image{Config: after.Config}
	for _, made := range []*Image{&was, &is} { // as they come back from where they are kept
		if made.Config, err = reread(made.Config); err != nil {
			return nil, err
		}
	}
	made := &Image{Layers: slices.Concat(after.Layers, own)}
	made.Config = is.Config
	if own := have.Config.Created; own != nil && (was.Config.Created == nil || !own.Equal(*was.Config.Created)) {
		made.Config.Created = own
	}
	made.Config.Author = ours(was.Config.Author, have.Config.Author, is.Config.Author)
	made.Config.Config = settings(was.Config.Config, have.Config.Config, is.Config.Config)
	made.Config.RootFS.DiffIDs = slices.Concat(is.DiffIDs(), DiffIDs(own))
	made.Config.History = slices.Concat(is.Config.History, stepsAbove(have, len(before.DiffIDs()), own))
	return made, nil
}

func reread(config dockerspec.DockerOCIImage) (again dockerspec.DockerOCIImage, err error) {
	data, err := json.Marshal(config)
	if err == nil {
		err = json.Unmarshal(data, &again)
	}
	return again, err
}

// ours is what has somebody's own value, or else the new one.
func ours[T any](was, has, is T) T {
	if reflect.DeepEqual(was, has) {
		return is
	}
	return has
}

func settings(was, has, is dockerspec.DockerOCIImageConfig) dockerspec.DockerOCIImageConfig {
	made := is
	made.User = ours(was.User, has.User, is.User)
	made.WorkingDir = ours(was.WorkingDir, has.WorkingDir, is.WorkingDir)
	made.StopSignal = ours(was.StopSignal, has.StopSignal, is.StopSignal)
	made.Entrypoint = ours(was.Entrypoint, has.Entrypoint, is.Entrypoint)
	made.Cmd = ours(was.Cmd, has.Cmd, is.Cmd)
	made.Healthcheck = ours(was.Healthcheck, has.Healthcheck, is.Healthcheck)
	made.OnBuild = ours(was.OnBuild, has.OnBuild, is.OnBuild)
	made.Shell = ours(was.Shell, has.Shell, is.Shell)
	made.ExposedPorts = members(was.ExposedPorts, has.ExposedPorts, is.ExposedPorts)
	made.Volumes = members(was.Volumes, has.Volumes, is.Volumes)
	made.Env = variables(was.Env, has.Env, is.Env)

	program := func(labels map[string]string) map[string]string {
		kept := map[string]string{}
		for name, value := range labels {
			if !strings.HasPrefix(name, payload.LabelPrefix) && name != ocispec.AnnotationBaseImageDigest {
				kept[name] = value
			}
		}
		return kept
	}
	made.Labels = members(program(was.Labels), program(has.Labels), is.Labels)
	if mark, ok := has.Labels[payload.LabelExtraDeps]; ok {
		made.Labels[payload.LabelExtraDeps] = mark
	}
	return made
}

// members is ours for each member.
func members[V any](was, has, is map[string]V) map[string]V {
	made := map[string]V{}
	for name, value := range is {
		if _, left := has[name]; left || !member(was, name) {
			made[name] = value
		}
	}
	for name, value := range has {
		if old, ok := was[name]; !ok || !reflect.DeepEqual(old, value) {
			made[name] = value
		}
	}
	if len(made) == 0 && is == nil {
		return nil
	}
	return made
}

func member[V any](of map[string]V, name string) bool {
	_, ok := of[name]
	return ok
}

// variables is ours for each variable.
func variables(was, has, is []string) []string {
	split := func(env []string) (values map[string]string, names []string) {
		values = map[string]string{}
		for _, variable := range env {
			name, value, _ := strings.Cut(variable, "=")
			if !member(values, name) {
				names = append(names, name)
			}
			values[name] = value
		}
		return values, names
	}
	old, _ := split(was)
	theirs, added := split(has)
	values, names := split(is)
	made := members(old, theirs, values)
	if path, own := theirs["PATH"], old["PATH"]; path != own && own != "" && strings.Contains(path, own) {
		made["PATH"] = strings.Replace(path, own, values["PATH"], 1)
	}
	var env []string
	for _, name := range slices.Concat(names, added) {
		if value, ok := made[name]; ok {
			env = append(env, name+"="+value)
			delete(made, name)
		}
	}
	return env
}

// stepsAbove are the steps of an image's history after so many layers. A history
// that does not go with the layers is one of the layers alone.
func stepsAbove(i *Image, below int, own []Layer) []ocispec.History {
	layers := 0
	for n, step := range i.Config.History {
		if layers == below {
			if steps := i.Config.History[n:]; filled(steps) == len(own) {
				return steps
			}
			break
		}
		if !step.EmptyLayer {
			layers++
		}
	}
	if len(own) == 0 {
		return nil
	}
	return Layers{Layers: own, Origin: "layer of " + i.Ref}.history(Created(i))
}

// filled is how many of the steps have made a layer.
func filled(steps []ocispec.History) (n int) {
	for _, step := range steps {
		if !step.EmptyLayer {
			n++
		}
	}
	return n
}

// SetUpAt returns where in an image that this program has assembled the layer of
// set-up lies, by its history, which is what the image says of itself. It is -1
// where the history tells of none.
func (i *Image) SetUpAt() int {
	at, layers := -1, 0
	for _, step := range i.Config.History {
		if step.EmptyLayer {
			continue
		}
		if strings.HasPrefix(step.CreatedBy, SetUpStep) {
			at = layers
		}
		layers++
	}
	if layers != len(i.DiffIDs()) {
		return -1
	}
	return at
}

// Find returns where the layers with the diff IDs lie in the image, one above
// the other. It is -1 where they do not, and where they do twice.
func (i *Image) Find(run []digest.Digest) int {
	at := -1
	if len(run) == 0 {
		return at
	}
	for n := range i.DiffIDs() {
		if rest := i.DiffIDs()[n:]; len(rest) >= len(run) && slices.Equal(rest[:len(run)], run) {
			if at >= 0 {
				return -1
			}
			at = n
		}
	}
	return at
}

// Repaired returns the image with the layers of another payload in the place of
// so many from at on, and with these labels. All else is as it was.
func (i *Image) Repaired(at, old int, layers []Layer, labels map[string]string) (*Image, error) {
	config, err := reread(i.Config) // which shares no slice and no map with it
	if err != nil {
		return nil, err
	}
	made := &Image{Layers: slices.Concat(i.Layers[:at], layers, i.Layers[at+old:])}
	made.Config = config
	made.Config.Config.Labels = labels
	made.Config.RootFS.DiffIDs = DiffIDs(made.Layers)
	if filled(config.History) != len(i.DiffIDs()) {
		made.Config.History = Layers{Layers: made.Layers, Origin: "layer of " + i.Ref}.history(Created(i))
		return made, nil
	}
	made.Config.History = nil
	run := Layers{Layers: layers, Origin: payload.LayerOrigin + labels[payload.LabelDepsTag]}
	n := 0
	for _, step := range config.History {
		swapped := !step.EmptyLayer && n >= at && n < at+old
		if swapped && n == at {
			made.Config.History = append(made.Config.History, run.history(Created(stepAlone(step), i))...)
		}
		if !swapped {
			made.Config.History = append(made.Config.History, step)
		}
		if !step.EmptyLayer {
			n++
		}
	}
	return made, nil
}

// stepAlone is an image that was made when the step was.
func stepAlone(step ocispec.History) *Image {
	i := &Image{}
	i.Config.Created = step.Created
	return i
}
