package builder

import (
	"maps"
	"slices"
	"strconv"
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
// of strata: that of the base with the payload's environment and entry point
// laid over it. ONBUILD triggers are not taken along, as an image built FROM
// the base would not have them either.
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
	config.User = r.Account()
	config.Env = environ(base.Config.Env, r.Environ())
	config.WorkingDir = r.Server().WorkingDir
	config.Entrypoint, config.Cmd = r.Entrypoint(), r.Cmd()
	config.OnBuild = nil
	config.ExposedPorts = maps.Clone(config.ExposedPorts)
	if config.ExposedPorts == nil {
		config.ExposedPorts = map[string]struct{}{}
	}
	config.ExposedPorts[strconv.Itoa(plan.Port)+"/tcp"] = struct{}{}
	config.Labels = maps.Clone(config.Labels)
	if config.Labels == nil {
		config.Labels = map[string]string{}
	}
	maps.Copy(config.Labels, r.Labels)
	maps.Copy(config.Labels, labels)
	return image
}

// environ lays the payload's variables over the base's. A variable that the
// base sets keeps its place.
func environ(base []string, ours []payload.Var) []string {
	env := slices.Clone(base)
	set := func(name string, value func(old string) string) {
		for i, variable := range env {
			if len(variable) > len(name) && variable[:len(name)+1] == name+"=" {
				env[i] = name + "=" + value(variable[len(name)+1:])
				return
			}
		}
		env = append(env, name+"="+value(""))
	}
	set("PATH", payload.Path)
	for _, v := range ours {
		set(v.Name, func(string) string { return v.Value })
	}
	return env
}
