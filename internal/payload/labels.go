package payload

import (
	"fmt"
	"strings"
)

// Labels are what an image of ours says of itself. A deps image has those of
// the payload, a runtime image all of them; an image that is not ours has no
// Kind.
type Labels struct {
	Kind       string // KindDeps or KindRuntime
	Version    string
	Server     string
	Components string
	Variant    string
	DepsTag    string
	Layers     string
	Inputs     string

	DepsDigest string
	BaseName   string
	BaseDigest string
	Setup      string
	Platform   string
	User       string
	Tools      string
	ExtraDeps  string
}

// fields pairs the names of the labels with what they say.
func (l *Labels) fields() map[string]*string {
	return map[string]*string{
		LabelKind: &l.Kind, LabelVersion: &l.Version, LabelServer: &l.Server, LabelComponents: &l.Components,
		LabelVariant: &l.Variant, LabelDepsTag: &l.DepsTag, LabelLayers: &l.Layers, LabelInputs: &l.Inputs,
		LabelDepsDigest: &l.DepsDigest, LabelBaseName: &l.BaseName, LabelBaseDigest: &l.BaseDigest, LabelSetup: &l.Setup,
		LabelPlatform: &l.Platform, LabelUser: &l.User, LabelTools: &l.Tools, LabelExtraDeps: &l.ExtraDeps,
	}
}

// ReadLabels picks ours out of the labels of an image.
func ReadLabels(all map[string]string) Labels {
	var l Labels
	for name, field := range l.fields() {
		*field = all[name]
	}
	return l
}

// ComponentNames are those of the components, in layer order.
func (l Labels) ComponentNames() []string {
	if l.Components == "" {
		return []string{}
	}
	return strings.Split(l.Components, ",")
}

// Map returns the labels that say something. An empty LabelBaseDigest or
// LabelExtraDeps says something, too, once it is known that there is no base or
// no command: whoever knows adds it.
func (l Labels) Map() map[string]string {
	all := map[string]string{}
	for name, field := range l.fields() {
		if *field != "" {
			all[name] = *field
		}
	}
	return all
}

// Differs names, in words for people, what an image with the labels have was
// made from and is another one than l says. Same reports whether two values of a
// label mean the same: an image has a digest in each place that keeps it, and a
// command more than one fingerprint.
func (l Labels) Differs(have Labels, same func(label, had, want string) bool) []string {
	var changed []string
	had, want := have.fields(), l.fields()
	differs := func(label string) bool { return !same(label, *had[label], *want[label]) }
	add := func(what, label string) {
		had, want := abbreviated(*had[label]), abbreviated(*want[label])
		if had != "" && want != "" {
			what = fmt.Sprintf("%s (%s, was %s)", what, want, had)
		}
		changed = append(changed, what)
	}
	if differs(LabelPlatform) {
		add("platform", LabelPlatform)
	}
	if differs(LabelDepsDigest) {
		add("payload", LabelDepsDigest)
	}
	switch {
	case differs(LabelBaseName):
		add("base reference", LabelBaseName)
	case differs(LabelBaseDigest):
		add("base", LabelBaseDigest)
	}
	// The hash of the set-up covers the user, the tools and whether there is a command.
	setUp, told := differs(LabelSetup), len(changed)
	if setUp && have.User != "" && differs(LabelUser) {
		add("user", LabelUser)
	}
	if setUp && differs(LabelTools) {
		changed = append(changed, "choice of tools")
	}
	if differs(LabelExtraDeps) {
		changed = append(changed, "command for extra dependencies")
	}
	if setUp && len(changed) == told {
		changed = append(changed, "choice of sudo, layer order or library path")
	}
	return changed
}

// abbreviated is a digest as docker shows it. Other texts stay as they are.
func abbreviated(text string) string {
	hex, ok := strings.CutPrefix(text, "sha256:")
	if !ok {
		return text
	}
	return "sha256:" + hex[:min(12, len(hex))]
}
