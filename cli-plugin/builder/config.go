package builder

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
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// stratum is a run of layers of one origin in the image's layer stack.
type stratum struct {
	diffIDs     []digest.Digest
	paths       []string             // in a docker-archive
	descriptors []ocispec.Descriptor // in an OCI layout
	history     []ocispec.History    // may be empty: it is made up then
	origin      string               // for a history that is made up
}

// layerHistory returns the history, with exactly one entry a layer beside
// those of empty layers, as the image specification wants it.
func (s stratum) layerHistory(created time.Time) []ocispec.History {
	layers := 0
	for _, h := range s.history {
		if !h.EmptyLayer {
			layers++
		}
	}
	if layers == len(s.diffIDs) {
		return s.history
	}
	history := make([]ocispec.History, len(s.diffIDs))
	for i := range history {
		history[i] = ocispec.History{Created: &created, CreatedBy: s.origin}
	}
	return history
}

// runtimeConfig returns the configuration of a runtime image over the layers
// of strata: what it inherits of the base, with the payload's environment and
// entry point laid over it.
func runtimeConfig(r plan.Runtime, base dockerspec.DockerOCIImage, arch string, created time.Time, labels map[string]string, strata []stratum) dockerspec.DockerOCIImage {
	image := base
	image.Created = &created
	image.OS, image.Architecture = "linux", arch
	image.RootFS = ocispec.RootFS{Type: "layers"}
	image.History = nil
	for _, s := range strata {
		image.RootFS.DiffIDs = append(image.RootFS.DiffIDs, s.diffIDs...)
		image.History = append(image.History, s.layerHistory(created)...)
	}

	config := &image.Config
	*config, _ = inherited(r, base.Config)
	config.User = r.Account()
	config.Env = environ(config.Env, r.Overrides())
	config.WorkingDir = r.Server().WorkingDir
	config.Entrypoint, config.Cmd = r.Entrypoint(), r.Cmd()
	config.StopSignal = stopSignal
	config.Healthcheck = &dockerspec.HealthcheckConfig{Test: []string{noHealthcheck}}
	config.ExposedPorts = maps.Clone(config.ExposedPorts)
	if config.ExposedPorts == nil {
		config.ExposedPorts = map[string]struct{}{}
	}
	config.ExposedPorts[strconv.Itoa(plan.Port)+"/tcp"] = struct{}{}
	maps.Copy(config.Labels, r.Labels)
	maps.Copy(config.Labels, labels)
	return image
}

// environ lays the payload's variables over the base's. What the base sets
// keeps its place and, but for PATH and the overrides, its value.
func environ(base []string, overrides []payload.Var) []string {
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
	set("PATH", payload.Path(get("PATH")))
	for _, v := range payload.Environ() {
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
