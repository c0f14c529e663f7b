package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/fingerprint"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
)

// Join makes of plans for different architectures, made by the same options, one
// for indexes of their images. What each architecture's plan makes stays as it
// is; the index has a name of its own, whose hash covers the
// payloads of all of them. The order of the plans makes no difference. Errors are
// *problem.Error.
func Join(o Options, plans []Plan) (Plan, error) {
	plans = slices.SortedFunc(slices.Values(plans), func(a, b Plan) int { return cmp.Compare(a.Deps.Arch, b.Deps.Arch) })
	first := plans[0].Deps
	joined := Plan{Runtimes: []Runtime{}, Deps: first}
	hash := newDigest()
	for _, p := range plans {
		if p.Deps.Version != first.Version || p.Deps.Server != first.Server {
			return Plan{}, problem.New(problem.Usage, fmt.Sprintf("the payload %s is of %s %s for linux/%s, but of %s %s for linux/%s",
				p.Deps.Image, first.Server, first.Version, first.Arch, p.Deps.Server, p.Deps.Version, p.Deps.Arch), nil, "Name a payload that is the same for all platforms")
		}
		of, _ := tag.HashOf(p.Deps.Tag)
		hash.add("linux/"+p.Deps.Arch, []byte(of))
		joined.Platforms = append(joined.Platforms, Part{p.Deps, p.Runtimes})
	}
	d := &joined.Deps
	d.Tag, d.Arch, d.Labels, d.Dockerfile, d.Context, d.Layers = tag.Deps(d.Version, hash.tag()), "", nil, "", nil, nil
	if !d.Given {
		d.Image = cmp.Or(o.DepsRepository, o.Repository) + ":" + d.Tag
	}
	mark, err := fingerprint.Mark(o.ExtraDeps)
	if err != nil {
		return Plan{}, err
	}
	for _, base := range o.Bases {
		runtime, err := o.runtime(base, *d, joined.Platform(), mark)
		if err != nil {
			return Plan{}, err
		}
		joined.Runtimes = append(joined.Runtimes, runtime)
	}
	return joined, joined.checkNames()
}

// Platform is what the images are for, as in --platform.
func (p Plan) Platform() string {
	if len(p.Platforms) == 0 {
		return "linux/" + p.Deps.Arch
	}
	var all []string
	for _, one := range p.Platforms {
		all = append(all, one.Plan().Platform())
	}
	return strings.Join(all, ",")
}
