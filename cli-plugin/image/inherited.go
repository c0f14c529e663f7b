package image

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// StopSignal is what runtime images say of their main process.
const StopSignal = "SIGTERM"

// Inherited returns what an image takes over of its base's settings, and a
// line for each kind of those that it is without: they are for the base's own
// main process, they would lie over files of the image, or they are nothing
// that a base has to say. The entry point and its arguments are always others.
func Inherited(r plan.Runtime, base dockerspec.DockerOCIImageConfig) (kept dockerspec.DockerOCIImageConfig, without []string) {
	kept = base
	leave := func(why, what string, names ...string) {
		if len(names) > 0 {
			slices.Sort(names)
			without = append(without, fmt.Sprintf("%s%s (%s)", what, strings.Join(names, ", "), why))
		}
	}

	kept.StopSignal, kept.Healthcheck, kept.OnBuild = "", nil, nil
	var process []string
	if base.StopSignal != "" && base.StopSignal != StopSignal {
		process = append(process, "STOPSIGNAL "+base.StopSignal)
	}
	if base.Healthcheck != nil && !slices.Equal(base.Healthcheck.Test, []string{plan.NoHealthcheck}) {
		process = append(process, "HEALTHCHECK")
	}
	leave("for the base's own main process", "", process...)
	leave("for the builds of another project", "ONBUILD ", slices.Clone(base.OnBuild)...)

	var names []string
	kept.Volumes = maps.Clone(base.Volumes)
	maps.DeleteFunc(kept.Volumes, func(volume string, _ struct{}) bool {
		over := coversOurs(r, volume)
		if over {
			names = append(names, volume)
		}
		return over
	})
	leave("over files of the image, of which each container would have a copy of its own", "VOLUME ", names...)

	names = nil
	kept.Env = slices.DeleteFunc(slices.Clone(base.Env), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		steers := slices.ContainsFunc(payload.ServerVariables(), func(pattern string) bool {
			prefix, open := strings.CutSuffix(pattern, "*")
			return name == pattern || open && strings.HasPrefix(name, prefix)
		})
		if steers {
			names = append(names, name)
		}
		return steers
	})
	leave("for who starts a server to set", "ENV ", names...)

	names = nil
	kept.Labels = map[string]string{}
	for name, value := range base.Labels {
		if strings.HasPrefix(name, payload.LabelPrefix) {
			names = append(names, name)
		} else {
			kept.Labels[name] = value
		}
	}
	leave("names of this program's own labels", "LABEL ", names...)
	return kept, without
}

// coversOurs reports whether a volume lies at or above something that the
// image has beside its base, or within the payload.
func coversOurs(r plan.Runtime, volume string) bool {
	volume = path.Join("/", volume)
	home := path.Join("/home", r.User)
	if r.User == "root" {
		home = "/root"
	}
	within := func(folder, place string) bool {
		return place == folder || strings.HasPrefix(place, strings.TrimSuffix(folder, "/")+"/")
	}
	return within(payload.Prefix, volume) || slices.ContainsFunc([]string{
		payload.Prefix, payload.Workspace, home, "/etc/profile.d", "/etc/ssl/certs", "/etc/sudoers.d",
	}, func(ours string) bool { return within(volume, ours) })
}
