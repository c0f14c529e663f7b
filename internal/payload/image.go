package payload

import "strings"

// LabelPrefix begins the labels of this project.
const LabelPrefix = "dev.openhands."

// Labels of the images. The deps image carries those of the payload, a
// runtime image all of them.
const (
	LabelVersion    = "dev.openhands.version"     // of OpenHands
	LabelServer     = "dev.openhands.server"      // server profile
	LabelComponents = "dev.openhands.components"  // names, comma-separated, in layer order
	LabelVariant    = "dev.openhands.variant"     // further choices that make another payload, separated by spaces; missing where all are the defaults
	LabelKind       = "dev.openhands.kind"        // KindDeps or KindRuntime
	LabelDepsTag    = "dev.openhands.deps.tag"    // oh_deps_v{version}_{hash}
	LabelDepsDigest = "dev.openhands.deps.digest" // image ID of the deps image
	LabelBaseName   = "dev.openhands.base.name"   // reference as the user wrote it
	LabelBaseDigest = "dev.openhands.base.digest" // image ID of the base; empty for scratch
	LabelSetup      = "dev.openhands.setup"       // hash of the set-up inputs: user, sudo, tools, layer order, whether there are extra deps
	LabelPlatform   = "dev.openhands.platform"    // of a runtime image, for example linux/amd64
	LabelUser       = "dev.openhands.user"        // NAME[:UID]
	LabelTools      = "dev.openhands.tools"       // whose tools come first; missing for BaseFirst
	LabelExtraDeps  = "dev.openhands.extra-deps"  // fingerprint of the command for extra dependencies; empty without one
	LabelLayers     = "dev.openhands.deps.layers" // what each layer of the payload holds, the lowest first, comma-separated: components, LayerLibs, LayerManifest
	LabelInputs     = "dev.openhands.deps.inputs" // what the hash in LabelDepsTag is over: NAME=VALUE, separated by spaces
	KindDeps        = "deps"
	KindRuntime     = "runtime"
)

// Layers of a payload that hold no component: the libraries that components
// share, and what the payload says of itself.
const (
	LayerLibs     = "libs"
	LayerManifest = "manifest"
)

// LayerOrigin begins the history of a layer that a runtime image has from its
// payload, before the payload's tag.
const LayerOrigin = "docker openhands: payload "

// SystemPath is the PATH of a base that sets none.
const SystemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Var is one environment variable.
type Var struct{ Name, Value string }

// Tools says whose programs a session finds under a name that both the base
// and the payload have. A text that is not PayloadFirst means BaseFirst.
type Tools string

// The choices.
const (
	BaseFirst    Tools = "base-first"
	PayloadFirst Tools = "payload-first"
)

// ToolsVariable holds the choice in images and sessions whose tools are not
// BaseFirst.
const ToolsVariable = "OPENHANDS_TOOLS"

// Path returns the PATH of a runtime image over a base whose PATH is base:
// the payload's launchers first, its fallback programs next to them or last. An
// empty base means SystemPath. Elements that are the payload's own are not
// repeated.
func (t Tools) Path(base string) string {
	if base == "" {
		base = SystemPath
	}
	kept := []string{Bin}
	if t == PayloadFirst {
		kept = append(kept, FallbackBin)
	}
	for _, element := range strings.Split(base, ":") {
		if element != Bin && element != FallbackBin && element != CompatBin {
			kept = append(kept, element)
		}
	}
	if t != PayloadFirst {
		kept = append(kept, FallbackBin)
	}
	return strings.Join(kept, ":")
}

// Environ returns what a runtime image sets beside PATH where its base does
// not, in a fixed order. The servers have these values in any case.
func Environ() []Var {
	return []Var{
		{"POETRY_VIRTUALENVS_PATH", Poetry},
		{"MAMBA_ROOT_PREFIX", MicromambaRoot},
		{"PLAYWRIGHT_BROWSERS_PATH", Browsers},
		{"OPENVSCODE_SERVER_ROOT", VSCodeServer},
		{"LANG", "C.UTF-8"}, // not LC_ALL, which counts more than any choice of the base
		{"GIT_EDITOR", "code --wait"},
		{"VISUAL", "code"},
		{"EDITOR", "code"},
	}
}

// Instead returns the variables that programs ask next where the variable name
// of Environ is not set, the first one first. What a base sets of them is its
// choice for name, too.
func Instead(name string) []string {
	switch name {
	case "GIT_EDITOR":
		return []string{"VISUAL", "EDITOR"}
	case "VISUAL":
		return []string{"EDITOR"}
	}
	return nil
}

// Parked begins the names under which the servers keep the user's values of
// variables that they have changed for themselves.
const Parked = "_OPENHANDS_PARKED_"

// ServerVariables returns the variables that decide how a server works: for
// whom, where it listens, who may talk to it, whom it tells what. They are for
// who starts a container, never for a base. A name that ends in * stands for
// all that begin so.
func ServerVariables() []string {
	return []string{"OH_*", "OPENHANDS_*", "_OPENHANDS_*", "port", UserVariable, "SANDBOX_GROUP_ID", "SESSION_API_KEY", "SU_TO_USER"}
}
