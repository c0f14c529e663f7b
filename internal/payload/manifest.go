package payload

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Manifest describes a sealed payload; it is the file ManifestFile, JSON.
type Manifest struct {
	SchemaVersion    int         `json:"schemaVersion"`    // SchemaVersion of this package
	OpenHandsVersion string      `json:"openhandsVersion"` // for example "0.62.0"
	Server           string      `json:"server"`           // server profile, for example "action-execution-server"
	Architecture     string      `json:"architecture"`     // GOARCH form: amd64, arm64
	Libc             string      `json:"libc"`             // for example "glibc 2.41"
	SBOM             string      `json:"sbom,omitempty"`   // path of the SPDX document
	Components       []Component `json:"components"`       // in layer order, rarest change first

	// Components whose proofs were not run where the payload was built: nothing
	// there ran programs for its architecture.
	Unproven []string `json:"unproven,omitempty"`
}

// SchemaVersion is raised when a reader of an older Manifest would go wrong.
const SchemaVersion = 1

// maxMembers is how many values a manifest may have, 50 times what that of
// a payload has: in memory, a value can take a hundred times what it takes as
// text.
const maxMembers = 100_000

// ParseManifest reads the content of ManifestFile. Of one that has another
// schema than SchemaVersion, or more values than any payload's, nothing is
// returned but the error.
func ParseManifest(data []byte) (Manifest, error) {
	var m Manifest
	if bytes.Count(data, []byte{','}) > maxMembers {
		return Manifest{}, fmt.Errorf("%s holds more than %d values", ManifestFile, maxMembers)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("reading %s: %w", ManifestFile, err)
	}
	if m.SchemaVersion != SchemaVersion {
		return Manifest{}, fmt.Errorf("%s has schema version %d, this program knows %d", ManifestFile, m.SchemaVersion, SchemaVersion)
	}
	return m, nil
}

// Component is what one component put into the payload; each component's
// build writes it to ComponentsDir/NAME.json and the manifest gathers them.
type Component struct {
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Proof       []string  `json:"proof,omitempty"` // argv that shows that the component works; exit status 0
	Packages    []Package `json:"packages,omitempty"`
	Pruned      []Pruned  `json:"pruned,omitempty"`
	Files       int       `json:"files"` // regular files
	Bytes       int64     `json:"bytes"` // sum of their sizes, hard links once
}

// Pruned is what a rule of the component left out. It is the bundler's type of
// that name as the manifest spells it: neither package imports the other, and
// the compiler holds them to the same fields where one becomes the other.
type Pruned struct {
	Reason string `json:"reason"`
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
}

// Package is an upstream package that a component was made from, the bundler's
// type as Pruned is.
type Package struct {
	Type    string `json:"type"` // package URL type: deb, pypi, npm
	Name    string `json:"name"`
	Version string `json:"version"`
}

// URL is the name of a package in the form of the package URL specification.
// Those of Debian are in the namespace of that distribution.
func (p Package) URL() string {
	kind := p.Type
	if kind == "deb" {
		kind += "/debian"
	}
	escape := strings.NewReplacer("@", "%40", "+", "%2B", " ", "%20").Replace
	return "pkg:" + kind + "/" + escape(p.Name) + "@" + escape(p.Version)
}

// Launcher says how a program of the payload is started: the multi-call
// binary Wrappers, called as NAME, reads Launchers/NAME.json and executes Path.
type Launcher struct {
	Path  string            `json:"path"`            // absolute path of the real program
	Argv0 string            `json:"argv0,omitempty"` // argv[0] for it; empty: Path
	Args  []string          `json:"args,omitempty"`  // put before the caller's arguments
	Env   map[string]string `json:"env,omitempty"`   // set, replacing the caller's value
	Unset []string          `json:"unset,omitempty"` // removed; an entry ending in * is a prefix
	Dir   string            `json:"dir,omitempty"`   // working directory; empty: the caller's

	// User gives the program the user's environment even where the server
	// calls it: what the server has for itself is taken out first.
	User bool `json:"user,omitempty"`
}
