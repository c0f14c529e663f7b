package traditional

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Labels of an image that hold what its tags say nothing of.
const (
	LabelBaseDigest = "dev.openhands.traditional.base.digest"
	LabelExtraDeps  = "dev.openhands.traditional.extra-deps" // hash
	LabelBuildArgs  = "dev.openhands.traditional.build-args" // hash
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
func (r Record) Labels(start Start) map[string]string {
	labels := map[string]string{
		LabelExtraDeps: fingerprint(r.ExtraDeps),
		LabelBuildArgs: fingerprint(strings.Join(r.BuildArgs, "\x00")),
	}
	if start == FromScratch {
		labels[LabelBaseDigest] = r.BaseDigest
	}
	return labels
}

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
	if labels[LabelExtraDeps] != fingerprint(r.ExtraDeps) {
		names = append(names, "extra dependencies")
	}
	if labels[LabelBuildArgs] != fingerprint(strings.Join(r.BuildArgs, "\x00")) {
		names = append(names, "build arguments")
	}
	return names
}

// fingerprint keeps what may hold a password out of the labels.
func fingerprint(text string) string {
	if text == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
