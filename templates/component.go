package templates

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/bundler/pack"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

//go:embed components stage1 libraries.toml
var embedded embed.FS

// componentFile describes a component in its folder.
const componentFile = "component.toml"

// recipeFile is what the bundler is told about the component, beside its files
// in the build context.
const recipeFile = "recipe.json"

// Component is one part of the payload: a folder with a component.toml and,
// where Debian packages alone are not enough, an install.sh. docs/architecture.md
// describes the file format.
type Component struct {
	Name        string `toml:"-"` // the folder's name
	Description string
	License     string // SPDX expression of what it mainly consists of

	// Order is the place of the component's layer in the deps image: what
	// changes more rarely has a lower number and lies further down. None
	// means defaultOrder.
	Order int

	// Server names the one server profile that the component belongs to;
	// empty: it belongs to all of them.
	Server string

	// Releases are the versions that a payload with the component can be of.
	// Users' own components have none.
	Releases *ReleaseList

	// Optional keeps the component out of every payload that does not ask
	// for it.
	Optional bool

	// Provides is a role that other components can need in place of the
	// component's name, so that each server can have its own.
	Provides string

	// Packages are the Debian packages that the component takes files of. They
	// are of the payload's architecture; what is installed of them lies below
	// $SYSTEM.
	Packages []string
	// Tools are the Debian packages whose programs install.sh runs. In their
	// names {multiarch} is Debian's name of the payload's architecture.
	Tools []string

	// Needs maps components, by name or role, to those of their files and
	// folders that stand at their final place while install.sh runs. The
	// component sees nothing else of them, and is built again only when one
	// of these changes.
	Needs map[string][]string
	// Runs is like Needs, for what install.sh executes: in a builder of another
	// architecture than the payload, these are components for the builder.
	Runs map[string][]string

	// Sources asks for the user's checkout of OpenHands at /source, where
	// there is one.
	Sources bool

	// Helpers asks for the helper binaries in /helpers.
	Helpers bool

	// Proof is a command that shows that the component works.
	Proof []string
	// Emulated are further arguments of Proof for an emulated processor.
	Emulated []string

	Opens     []string
	Programs  []pack.Copy
	Trees     []pack.Copy
	Links     []bundler.Link
	Rewrites  []bundler.Rewrite
	Prune     []pack.Prune
	Launchers map[string]payload.Launcher

	// Lean is what else is left out of payloads that ask for less.
	Lean *Lean

	// Allow lists exceptions from the seal check, see bundler.
	Allow []string

	// Files holds every file of the folder but hidden ones by its name
	// relative to it.
	Files map[string][]byte `toml:"-"`
}

// recipe is what the bundler inside the builder of an architecture is told
// about the component.
func (c Component) recipe(libraries []bundler.Rewrite) (pack.Recipe, error) {
	launchers := map[string]json.RawMessage{}
	for name, launcher := range c.Launchers {
		text, err := json.Marshal(launcher)
		if err != nil {
			return pack.Recipe{}, fmt.Errorf("encoding launcher %s: %w", name, err)
		}
		launchers[name] = text
	}
	return pack.Recipe{
		Name:        c.Name,
		Description: c.Description,
		Proof:       c.Proof,
		Programs:    c.Programs,
		Trees:       c.Trees,
		Links:       c.Links,
		Opens:       c.Opens,
		Rewrites:    slices.Concat(c.Rewrites, libraries),
		Prune:       c.Prune,
		Launchers:   launchers,
	}, nil
}

func names(components []Component) string {
	list := make([]string, len(components))
	for i, c := range components {
		list[i] = c.Name
	}
	return strings.Join(list, ", ")
}
