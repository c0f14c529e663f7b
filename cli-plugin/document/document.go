// Package document has what commands print with --json: a type a document, each
// with a schema in docs/schemas. What is printed for people is not here.
package document

import (
	"encoding/json"
	"io"
	"strconv"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/client"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/migrate"
	"github.com/docker-openhands/docker-openhands/cli-plugin/pins"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/sandbox"
	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
	"github.com/docker-openhands/docker-openhands/cli-plugin/traditional"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
)

// SchemaVersion is raised when a reader of an older document would go wrong.
const SchemaVersion = 1

// Version is the field of a document that says its schema: in JSON the number
// SchemaVersion.
type Version struct{}

// MarshalJSON implements json.Marshaler.
func (Version) MarshalJSON() ([]byte, error) { return strconv.AppendInt(nil, SchemaVersion, 10), nil }

// Write prints a document, indented.
func Write(w io.Writer, document any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

// All are the documents, by the names of their schemas.
func All() map[string]any {
	return map[string]any{
		"batch":            BatchLine{},
		"components":       Components{},
		"error":            Failure{},
		"explain":          Explanations{},
		"images":           Images{},
		"inspect":          Inspect{},
		"ls":               List{},
		"migrate":          Migration{},
		"pins":             Pins{},
		"plan":             Plan{},
		"prune":            Prune{},
		"ps":               Servers{},
		"rebase":           Rebase{},
		"run":              Started{},
		"settings":         Settings{},
		"tags":             Tags{},
		"traditional-plan": TraditionalPlan{},
		"use":              Use{},
		"verify":           Verification{},
		"version":          Program{},
	}
}

// WriteLine prints a document on one line.
func WriteLine(w io.Writer, document any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}

// Failure is why a command failed.
type Failure struct {
	SchemaVersion Version        `json:"schemaVersion"`
	Error         *problem.Error `json:"error"`
}

// Explanations say what codes of errors mean.
type Explanations struct {
	SchemaVersion Version       `json:"schemaVersion"`
	Codes         []Explanation `json:"codes"`
}

// Explanation says what a code means.
type Explanation struct {
	Code    problem.Code `json:"code"`
	Title   string       `json:"title"`
	Meaning string       `json:"meaning"` // Markdown
	Next    string       `json:"next"`    // Markdown
	Status  int          `json:"exitStatus"`
}

// Images is what a build came to; --metadata-file holds the same.
type Images struct {
	SchemaVersion Version `json:"schemaVersion"`
	Images        []Image `json:"images"` // the payload first, where the mode has one
}

// Image is one image that a build was to make.
type Image struct {
	Size int64 `json:"size,omitempty"` // bytes, unpacked, where an engine has it
	builder.Result
}

// BatchLine is one line of what "batch --manifest" writes.
type BatchLine struct {
	SchemaVersion Version `json:"schemaVersion"`
	builder.Result
}

// Plan is what a build would do.
type Plan struct {
	SchemaVersion Version            `json:"schemaVersion"`
	Images        []builder.Expected `json:"images"` // the payload first
	plan.Plan
}

// TraditionalPlan is what a build in the traditional mode would do.
type TraditionalPlan struct {
	SchemaVersion Version            `json:"schemaVersion"`
	Plans         []TraditionalImage `json:"plans"` // in the order of the bases
}

// TraditionalImage is how the image over one base would be built.
type TraditionalImage struct {
	Names
	Build        bool              `json:"build"`           // false: the image is there already
	Start        traditional.Start `json:"start,omitempty"` // what the template starts from: scratch, versioned or lock
	From         string            `json:"from,omitempty"`  // image that it is built on
	Tags         []string          `json:"tags"`            // references that it would get
	ContextFiles []string          `json:"contextFiles,omitempty"`
	Dockerfile   string            `json:"dockerfile,omitempty"`
}

// Tags are the names that a build would use.
type Tags struct {
	SchemaVersion Version `json:"schemaVersion"`
	Tags          []Names `json:"tags"` // in the order of the bases; without one, those of the payload alone
}

// Names are those over one base. Each mode has its own of them.
type Names struct {
	Base         string   `json:"base,omitempty"` // empty: the payload alone
	Repository   string   `json:"repository"`
	References   []string `json:"references"` // all names, with the repository
	DepsTag      string   `json:"depsTag,omitempty"`
	RuntimeTag   string   `json:"runtimeTag,omitempty"`
	SourceTag    string   `json:"sourceTag,omitempty"`    // traditional mode
	LockTag      string   `json:"lockTag,omitempty"`      // traditional mode
	VersionedTag string   `json:"versionedTag,omitempty"` // traditional mode
	OlderTag     string   `json:"olderTag,omitempty"`     // traditional mode: the one of get_runtime_image_repo_and_tag
}

// List is all that an engine has of ours.
type List struct {
	SchemaVersion Version `json:"schemaVersion"`
	*engine.Inventory
}

// Inspect is what is known of one image.
type Inspect struct {
	SchemaVersion Version `json:"schemaVersion"`
	*engine.Details
}

// Prune is what was removed, or would be.
type Prune struct {
	SchemaVersion Version             `json:"schemaVersion"`
	Images        []engine.Superseded `json:"images"`
	Bytes         int64               `json:"bytes"` // that are or would be freed
	Removed       bool                `json:"removed"`
}

// Rebase is what came of images that were put over another base or payload.
type Rebase struct {
	SchemaVersion Version           `json:"schemaVersion"`
	Images        []builder.Rebased `json:"images"` // in the order in which they were named or found
}

// Settings are all settings with their values, by name.
type Settings struct {
	SchemaVersion Version          `json:"schemaVersion"`
	Settings      []settings.Value `json:"settings"`
}

// Use is what has to be set so that a client takes an image.
type Use struct {
	SchemaVersion Version `json:"schemaVersion"`
	*client.Advice
}

// Verification is what was found about an image.
type Verification struct {
	SchemaVersion Version `json:"schemaVersion"`
	verify.Report
}

// Migration is what a move from a traditional image changes, and what was done.
type Migration struct {
	SchemaVersion Version `json:"schemaVersion"`
	migrate.Report
}

// Pins are the files in which components pin versions.
type Pins struct {
	SchemaVersion Version     `json:"schemaVersion"`
	Files         []pins.File `json:"files"`
	Written       bool        `json:"written"` // false: they were only checked
}

// Started is a server that runs.
type Started struct {
	SchemaVersion Version `json:"schemaVersion"`
	Container     string  `json:"container"` // its ID
	Name          string  `json:"name"`      // of the container
	Image         string  `json:"image"`     // as it was named, or as its build named it
	ImageID       string  `json:"imageID"`
	Server        string  `json:"server"`               // profile, for example agent-server
	Address       string  `json:"address"`              // URL without a path
	Port          int     `json:"port"`                 // of the address
	SessionKey    string  `json:"sessionKey,omitempty"` // that callers have to send; without it the server answers everybody
	Editor        string  `json:"editor,omitempty"`     // URL of VS Code with its key, where the server has started one
}

// Servers are those that "run" has started.
type Servers struct {
	SchemaVersion Version          `json:"schemaVersion"`
	Servers       []sandbox.Listed `json:"servers"` // the newest first
}

// Components are what a payload can be made of.
type Components struct {
	SchemaVersion Version     `json:"schemaVersion"`
	Components    []Component `json:"components"`
}

// Component says what a component is.
type Component struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	License     string   `json:"license,omitempty"` // SPDX expression
	Servers     []string `json:"servers"`
	Default     bool     `json:"default"`            // part of a payload that does not leave it out
	Provides    string   `json:"provides,omitempty"` // role that it fills
	Needs       []string `json:"needs"`              // names or roles
	Packages    []string `json:"packages"`           // of Debian
	Proof       []string `json:"proof"`              // command that shows that it works
	Lean        []string `json:"lean,omitempty"`     // what --python-env lean is without

	Size  int64 `json:"size,omitempty"`  // bytes in the newest payload of the engine that has it, without shared libraries
	Files int   `json:"files,omitempty"` // in that payload
}

// Program is the plugin and what it finds.
type Program struct {
	SchemaVersion Version           `json:"schemaVersion"`
	Version       string            `json:"version"`
	Commit        string            `json:"commit,omitempty"` // that it was built from, where the build recorded it
	Go            string            `json:"go"`               // version of the compiler
	Platform      string            `json:"platform"`         // that it runs on
	Servers       []ServerReleases  `json:"servers"`
	Engine        *Found            `json:"engine,omitempty"`   // missing: none answers
	Buildx        *Found            `json:"buildx,omitempty"`   // missing: there is none
	Problems      map[string]string `json:"problems,omitempty"` // why one of these is missing, by its name
}

// ServerReleases are the releases of a server that payloads can be made of.
type ServerReleases struct {
	Name     string   `json:"name"`
	Newest   string   `json:"newest"`   // the default
	Releases []string `json:"releases"` // the newest first
}

// Found is a program that the plugin works with.
type Found struct {
	Version  string `json:"version"`
	Platform string `json:"platform,omitempty"` // of an engine's containers
	Path     string `json:"path,omitempty"`     // of a program of this machine
}
