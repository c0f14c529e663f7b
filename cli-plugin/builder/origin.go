package builder

import (
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// origin are the labels that say what an image was made from.
func origin(deps, base *image.Image) map[string]string {
	of := payload.ReadLabels(deps.Labels())
	from := payload.Labels{DepsDigest: deps.ID, Components: of.Components, Variant: of.Variant, Inputs: of.Inputs}.Map()
	from["org.opencontainers.image.created"] = image.Created(base, deps).Format(time.RFC3339)
	from[payload.LabelBaseDigest] = ""
	if base != nil {
		from[payload.LabelBaseDigest] = base.ID
		from[labelOCIBaseDigest] = base.DistributionDigest()
	}
	return from
}

// tellWithout says which settings of its base an image is without.
func (b *Builder) tellWithout(r plan.Runtime, base *image.Image) {
	if base == nil {
		return
	}
	_, without := image.Inherited(r, base.Config.Config)
	for _, line := range without {
		b.Logf("not taken over of the base %s: %s", r.Base, line)
	}
}
