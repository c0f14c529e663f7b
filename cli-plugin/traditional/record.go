package traditional

import (
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/fingerprint"
)

// Labels of an image that hold what its tags say nothing of.
const (
	LabelBaseDigest = "dev.openhands.traditional.base.digest"
	LabelExtraDeps  = "dev.openhands.traditional.extra-deps" // fingerprint
	LabelBuildArgs  = "dev.openhands.traditional.build-args" // fingerprint
)

// Record is what shapes an image, but none of its tags.
type Record struct {
	BaseDigest string   // empty: not known
	Platform   string   // OS/ARCH
	ExtraDeps  string   // shell command
	BuildArgs  []string // further arguments of the build
}

// Labels returns the record in the form that an image carries. Where an image
// is built from another of its names, the base's digest is inherited.
func (r Record) Labels(start Start) (map[string]string, error) {
	extra, err := fingerprint.New(r.ExtraDeps)
	if err != nil {
		return nil, err
	}
	args, err := fingerprint.New(r.buildArgs())
	if err != nil {
		return nil, err
	}
	labels := map[string]string{LabelExtraDeps: extra, LabelBuildArgs: args}
	if start == FromScratch {
		labels[LabelBaseDigest] = r.BaseDigest
	}
	return labels, nil
}

func (r Record) buildArgs() string { return strings.Join(r.BuildArgs, "\x00") }

// Differs names what an image with the labels and the platform was made with
// and is asked for differently now. An image of another builder carries no
// record: it counts as made without extra dependencies and build arguments.
func (r Record) Differs(labels map[string]string, platform string) []string {
	var names []string
	if r.Platform != platform {
		names = append(names, "platform")
	}
	if recorded := labels[LabelBaseDigest]; recorded != "" && r.BaseDigest != "" && recorded != r.BaseDigest {
		names = append(names, "base image")
	}
	if !fingerprint.Of(labels[LabelExtraDeps], r.ExtraDeps) {
		names = append(names, "extra dependencies")
	}
	if !fingerprint.Of(labels[LabelBuildArgs], r.buildArgs()) {
		names = append(names, "build arguments")
	}
	return names
}
