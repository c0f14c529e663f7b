package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

const (
	again    = "build the image again with 'docker openhands build --force-rebuild'"
	unharmed = "build the image again with 'docker openhands build --force-rebuild'; steps of an own Dockerfile must leave /openhands alone"
)

func staticChecks() []Check {
	return []Check{
		{"labels", checkLabels},
		{"manifest", checkManifest},
		{"proofs", checkProofs},
		{"SBOM", checkSBOM},
		{"paths", checkPaths},
		{"environment", checkEnvironment},
		{"start", checkStart},
		{"layers", checkLayers},
		{"seal", checkSeal},
		{"ownership", checkRule(bundler.RuleOwner, "everything belongs to root", "do not run chown on /openhands: it is read-only for everybody on purpose")},
		{"modes", checkRule(bundler.RuleMode, "everybody can read, nobody but root can write, nothing is setuid", "do not run chmod on /openhands, and build the image again")},
	}
}

// isOurs reports whether there is anything to check: an image of another kind
// would only fail everywhere.
func (f Facts) isOurs() bool { return f.isRuntime() || f.says().Kind == payload.KindDeps }

func (f Facts) isRuntime() bool { return f.says().Kind == payload.KindRuntime }

func (f Facts) says() payload.Labels { return payload.ReadLabels(f.Labels) }

// checkLabels wants the labels that other commands go by.
func checkLabels(f Facts) (string, []payload.Finding) {
	wanted := []string{payload.LabelVersion, payload.LabelServer, payload.LabelComponents, payload.LabelDepsTag}
	says := f.says()
	switch says.Kind {
	case payload.KindDeps:
	case payload.KindRuntime:
		wanted = append(wanted, payload.LabelDepsDigest, payload.LabelBaseName, payload.LabelSetup)
	default:
		return "", []payload.Finding{failed("name an image that 'docker openhands build' made; a traditional one has no payload to verify",
			"label %s is %q, not %s or %s", payload.LabelKind, says.Kind, payload.KindRuntime, payload.KindDeps)}
	}
	var wrong []payload.Finding
	for _, label := range wanted {
		if f.Labels[label] == "" {
			wrong = append(wrong, failed(again, "label %s is missing", label))
		}
	}
	return fmt.Sprintf("%s image of OpenHands %s, %s", says.Kind, says.Version, says.Server), wrong
}

// checkManifest wants a manifest that says the same as the labels.
func checkManifest(f Facts) (string, []payload.Finding) {
	if f.Manifest == nil {
		return "", []payload.Finding{failed(unharmed, "%s is missing", payload.ManifestFile)}
	}
	m, err := payload.ParseManifest(f.Manifest)
	if err != nil {
		return "", []payload.Finding{failed("use the plugin of the version that made the image, or "+again, "%v", err)}
	}
	var names []string
	for _, c := range m.Components {
		names = append(names, c.Name)
	}
	var wrong []payload.Finding
	says := f.says()
	for _, fact := range []struct{ what, manifest, image string }{
		{"architecture", m.Architecture, f.Architecture},
		{"version of OpenHands", m.OpenHandsVersion, says.Version},
		{"server", m.Server, says.Server},
		{"list of components", strings.Join(names, ","), says.Components},
	} {
		if fact.manifest != fact.image {
			wrong = append(wrong, failed(again, "the %s is %q in %s, but %q in the image's settings", fact.what, fact.manifest, payload.ManifestFile, fact.image))
		}
	}
	return fmt.Sprintf("%d components, %s", len(m.Components), m.Libc), wrong
}

// checkProofs tells of components that nothing has proven: neither the build nor
// a live server, which is asked for the proofs of all.
func checkProofs(f Facts) (string, []payload.Finding) {
	m, _ := payload.ParseManifest(f.Manifest) // what is no manifest says nothing; checkManifest tells it
	switch {
	case len(m.Unproven) == 0:
		return "passed where the payload was built", nil
	case f.Live:
		return "run now: nothing could where the payload was built", nil
	}
	return "", []payload.Finding{{
		Status: payload.StatusWarning,
		Detail: fmt.Sprintf("nothing where the payload was built ran programs for linux/%s: %s not yet proven there", m.Architecture, strings.Join(m.Unproven, ", ")),
		Cure:   fmt.Sprintf("run 'docker openhands verify --live' with an image of the payload on an engine of linux/%s", m.Architecture),
	}}
}

func checkSBOM(f Facts) (string, []payload.Finding) {
	m, _ := payload.ParseManifest(f.Manifest) // what is no manifest promises nothing; checkManifest tells it
	switch sbom := m.SBOM; {
	case sbom == "":
		return "the payload promises none", nil
	case !f.Paths[sbom]:
		return "", []payload.Finding{failed(unharmed, "%s is missing, although the manifest names it", sbom)}
	default:
		return sbom, nil
	}
}

// Paths are those that are looked for in a payload with the manifest.
func Paths(manifest []byte) []string {
	paths := contractPaths(manifest)
	if m, err := payload.ParseManifest(manifest); err == nil && m.SBOM != "" {
		paths = append(paths, m.SBOM)
	}
	return paths
}

// contractPaths are those that a payload with the manifest must have.
func contractPaths(manifest []byte) []string {
	paths := []string{payload.Bin, payload.FallbackBin, payload.Interp, payload.Wrappers, payload.Init, payload.Launchers, payload.Certificates}
	m, err := payload.ParseManifest(manifest)
	if err != nil {
		return paths
	}
	paths = append(paths, payload.ServerNamed(m.Server).Launcher(), payload.Venv+"/bin/python", payload.Python)
	if m.Server == payload.ActionExecutionServer {
		paths = append(paths, payload.Code, payload.Micromamba)
	}
	for _, c := range m.Components {
		paths = append(paths, payload.ComponentsDir+"/"+c.Name+".json")
		switch c.Name {
		case "browser":
			paths = append(paths, payload.Browsers)
		case "vscode":
			paths = append(paths, payload.VSCodeServer)
		}
	}
	return paths
}

func checkPaths(f Facts) (string, []payload.Finding) {
	var wrong []payload.Finding
	paths := contractPaths(f.Manifest)
	for _, p := range paths {
		if !f.Paths[p] {
			wrong = append(wrong, failed(unharmed, "%s is missing", p))
		}
	}
	return fmt.Sprintf("%d of %d are there", len(paths), len(paths)), wrong
}

func checkEnvironment(f Facts) (string, []payload.Finding) {
	if !f.isRuntime() {
		return "none is wanted of a deps image", nil
	}
	const cure = "do not empty it in steps after the build; PATH can be extended, as PATH=/more:$PATH"
	env := map[string]string{}
	for _, variable := range f.Env {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	var wrong []payload.Finding
	path := strings.Split(env["PATH"], ":")
	for _, dir := range []string{payload.Bin, payload.FallbackBin} {
		if !slices.Contains(path, dir) {
			wrong = append(wrong, failed(cure, "PATH is %q, without %s", env["PATH"], dir))
		}
	}
	for _, v := range payload.Environ() { // what the base has set is its own
		if env[v.Name] == "" {
			wrong = append(wrong, failed(cure, "%s is not set; without a base's own value it is %q", v.Name, v.Value))
		}
	}
	if slices.Contains(strings.Split(env["LD_LIBRARY_PATH"], ":"), payload.Lib) {
		wrong = append(wrong, payload.Finding{Status: payload.StatusWarning, Detail: "LD_LIBRARY_PATH leads the base's own programs to the payload's C library, with which many cannot start",
			Cure: "build without --export-library-path"})
	}
	return fmt.Sprintf("PATH has the payload, and the %d variables that OpenHands expects are set", len(payload.Environ())), wrong
}

func checkStart(f Facts) (string, []payload.Finding) {
	if !f.isRuntime() {
		return "a deps image is not started", nil
	}
	var wrong []payload.Finding
	if len(f.Entrypoint) == 0 || f.Entrypoint[0] != payload.Init {
		wrong = append(wrong, failed("take ENTRYPOINT out of the Dockerfile on top; commands that it should run belong in CMD", "the entry point is %q, not %s", f.Entrypoint, payload.Init))
	}
	if want := payload.ServerNamed(f.says().Server).WorkingDir; f.WorkingDir != want {
		wrong = append(wrong, failed("take WORKDIR out of the Dockerfile on top, or end it with WORKDIR "+want, "the working directory is %q, not %s", f.WorkingDir, want))
	}
	return strings.Join(f.Entrypoint, " ") + " in " + f.WorkingDir, wrong
}

// checkLayers reports whether the image shares the payload's layers. It may as
// well hold a copy of them.
func checkLayers(f Facts) (string, []payload.Finding) {
	n, deps := len(f.Layers), len(f.DepsLayers)
	switch {
	case !f.isRuntime() || f.DepsLayers == nil:
		return fmt.Sprintf("%d; there is no deps image here to compare them with", n), nil
	case n >= deps && slices.Equal(f.Layers[:deps], f.DepsLayers):
		return fmt.Sprintf("%d, the lowest %d are the deps image's", n, deps), nil
	}
	for i := range f.Layers {
		if i+deps <= n && slices.Equal(f.Layers[i:i+deps], f.DepsLayers) {
			return fmt.Sprintf("%d, %d of them are the deps image's, over the base's", n, deps), nil
		}
	}
	return "", []payload.Finding{{Status: payload.StatusWarning, Detail: "the payload's layers are not those of the deps image: each such image takes the payload's whole size on disk",
		Cure: "build without --assemble never and do not squash the image"}}
}

func isPermission(f bundler.Finding) bool {
	return f.Rule == bundler.RuleOwner || f.Rule == bundler.RuleMode
}

func checkSeal(f Facts) (string, []payload.Finding) {
	if f.Seal == nil {
		return "", []payload.Finding{failed(unharmed, "it cannot be checked: %v", f.SealErr)}
	}
	var wrong []payload.Finding
	for _, o := range f.Seal.Offenders {
		if !isPermission(o) {
			wrong = append(wrong, failed(sealCure(o.Rule), "%s: %s: %s", o.Path, o.Rule, o.Detail))
		}
	}
	return fmt.Sprintf("%d ELF files need nothing outside /openhands", f.Seal.Objects), wrong
}

// sealCure says what to do about a breach of a rule of the bundler.
func sealCure(rule string) string {
	switch rule {
	case bundler.RuleInterp, bundler.RuleRunpath, bundler.RuleConstants:
		return "it was put there unsealed: add it as a component, or keep it outside /openhands"
	case bundler.RuleNeeded, bundler.RuleVersion, bundler.RuleLink:
		return "something that it needs was taken away or replaced: " + unharmed
	}
	return unharmed
}

func checkRule(rule, right, cure string) func(Facts) (string, []payload.Finding) {
	return func(f Facts) (string, []payload.Finding) {
		if f.Seal == nil {
			return "", []payload.Finding{failed(unharmed, "it cannot be checked: %v", f.SealErr)}
		}
		var wrong []payload.Finding
		for _, o := range f.Seal.Offenders {
			if o.Rule == rule {
				wrong = append(wrong, failed(cure, "%s: %s", o.Path, o.Detail))
			}
		}
		return right, wrong
	}
}
