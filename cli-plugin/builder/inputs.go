package builder

import (
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/fingerprint"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// inputs are what a runtime image is made from.
type inputs struct {
	plan       plan.Runtime
	deps, base *image.Image // base is nil for scratch
}

// differs names what an image with these labels was made from and is another
// one now. IDs of the same image differ between kinds of engines, so the
// digests of registries count as well.
func (in inputs) differs(labels map[string]string, platform string) []string {
	have, want := payload.ReadLabels(labels), payload.ReadLabels(in.plan.Labels)
	have.Platform = platform
	want.BaseName, want.DepsDigest = in.plan.Base, in.deps.ID
	var base []string
	if in.base != nil {
		base, want.BaseDigest = in.base.Identities(), in.base.ID
	}
	return want.Differs(have, func(label, had, want string) bool {
		switch {
		case label == payload.LabelDepsDigest:
			return slices.Contains(in.deps.Identities(), had)
		case label == payload.LabelBaseDigest && in.base != nil:
			return slices.Contains(base, had) || slices.Contains(base, labels[labelOCIBaseDigest])
		case label == payload.LabelExtraDeps:
			return fingerprint.Of(had, in.plan.ExtraDeps)
		}
		return had == want
	})
}

// labelOCIBaseDigest is the base's digest in registries, see the annotations
// of the OCI image specification.
const labelOCIBaseDigest = "org.opencontainers.image.base.digest"
