package image

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// runtimeConfig returns the configuration of a runtime image over the layers
// of runs: what it inherits of the base, with the payload's environment and
// entry point laid over it.
func runtimeConfig(r plan.Runtime, base dockerspec.DockerOCIImage, arch string, created time.Time, labels map[string]string, runs []Layers) dockerspec.DockerOCIImage {
	image := base
	image.Created = &created
	image.OS, image.Architecture = "linux", arch
	image.RootFS = ocispec.RootFS{Type: "layers"}
	image.History = nil
	for _, run := range runs {
		image.RootFS.DiffIDs = append(image.RootFS.DiffIDs, DiffIDs(run.Layers)...)
		image.History = append(image.History, run.history(created)...)
	}

	config := &image.Config
	*config, _ = Inherited(r, base.Config)
	config.User = r.Account()
	config.Env = environ(config.Env, r.Tools, r.Defaults(labels), r.Overrides())
	config.WorkingDir = r.Server().WorkingDir
	config.Entrypoint, config.Cmd = r.Entrypoint(), r.Cmd()
	config.StopSignal = StopSignal
	health := r.Healthcheck()
	config.Healthcheck = &health
	config.ExposedPorts = maps.Clone(config.ExposedPorts)
	if config.ExposedPorts == nil {
		config.ExposedPorts = map[string]struct{}{}
	}
	config.ExposedPorts[strconv.Itoa(plan.Port)+"/tcp"] = struct{}{}
	maps.Copy(config.Labels, r.Labels)
	maps.Copy(config.Labels, labels)
	return image
}

// environ lays variables over those of the base. What the base sets keeps its
// place and, but for PATH and the overrides, its value.
func environ(base []string, tools payload.Tools, defaults, overrides []payload.Var) []string {
	env := slices.Clone(base)
	index := func(name string) int {
		return slices.IndexFunc(env, func(variable string) bool { return strings.HasPrefix(variable, name+"=") })
	}
	set := func(name, value string) {
		if i := index(name); i >= 0 {
			env[i] = name + "=" + value
			return
		}
		env = append(env, name+"="+value)
	}
	get := func(name string) string {
		if i := index(name); i >= 0 {
			return env[i][len(name)+1:]
		}
		return ""
	}
	set("PATH", tools.Path(get("PATH")))
	for _, v := range defaults {
		value := get(v.Name)
		for _, name := range payload.Instead(v.Name) {
			value = cmp.Or(value, get(name))
		}
		set(v.Name, cmp.Or(value, v.Value))
	}
	for _, v := range overrides {
		set(v.Name, v.Value)
	}
	return env
}

// Reconfigured returns an image of layers of another one that an engine has,
// with other settings.
func (i *Image) Reconfigured(layers []Layer, settings dockerspec.DockerOCIImageConfig) *Image {
	made := &Image{Layers: layers}
	made.Config.OS, made.Config.Architecture = i.Config.OS, i.Config.Architecture
	made.Config.Config = settings
	made.Config.RootFS = ocispec.RootFS{Type: "layers", DiffIDs: DiffIDs(layers)}
	made.Config.History = Layers{Layers: layers, Origin: "layer of " + i.ID}.history(Created(i))
	return made
}
