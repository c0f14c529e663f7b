package templates

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

//go:embed components stage1 libraries.toml
var embedded embed.FS

// componentFile describes a component in its folder.
const componentFile = "component.toml"

// Component is one part of the payload: a folder with a component.toml and,
// where Debian packages alone are not enough, an install.sh. docs/architecture.md
// describes the file format.
type Component struct {
	Name        string `toml:"-"` // the folder's name
	Description string

	// Order is the place of the component's layer in the deps image: what
	// changes more rarely has a lower number and lies further down.
	Order int

	// Server names the one server profile that the component belongs to;
	// empty: it belongs to all of them.
	Server string

	// Releases are the versions that a payload with the component can be of.
	Releases *ReleaseList

	// Optional keeps the component out of every payload that does not ask
	// for it.
	Optional bool

	// Provides is a role that other components can need in place of the
	// component's name, so that each server can have its own.
	Provides string

	// Packages are the Debian packages that are installed in the builder.
	Packages []string

	// Needs maps components, by name or role, to those of their files and
	// folders that stand at their final place while install.sh runs. Of
	// what it needs a component sees nothing else, and it is built again
	// only when one of these changes.
	Needs map[string][]string

	// Sources asks for the user's checkout of OpenHands at /source, where
	// there is one.
	Sources bool

	// Helpers asks for the helper binaries in /helpers.
	Helpers bool

	// Proof is a command that shows that the component works.
	Proof []string

	Opens     []string
	Programs  []bundler.Copy
	Trees     []bundler.Copy
	Links     []bundler.Link
	Rewrites  []bundler.Rewrite
	Prune     []bundler.Prune
	Launchers map[string]payload.Launcher

	// Allow lists exceptions from the seal check, see bundler.
	Allow []string

	// Files holds every file of the folder by its name relative to it.
	Files map[string][]byte `toml:"-"`
}

// recipe is what the bundler inside the builder of an architecture is told
// about the component.
func (c Component) recipe(libraries []bundler.Rewrite) (bundler.Recipe, error) {
	launchers := map[string]json.RawMessage{}
	for name, launcher := range c.Launchers {
		text, err := json.Marshal(launcher)
		if err != nil {
			return bundler.Recipe{}, fmt.Errorf("encoding launcher %s: %w", name, err)
		}
		launchers[name] = text
	}
	return bundler.Recipe{
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

// Components returns the built-in components in layer order.
func Components() ([]Component, error) {
	entries, err := fs.ReadDir(embedded, "components")
	if err != nil {
		return nil, fmt.Errorf("listing components: %w", err)
	}
	var components []Component
	for _, entry := range entries {
		folder, err := fs.Sub(embedded, path.Join("components", entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("opening component %s: %w", entry.Name(), err)
		}
		component, err := load(entry.Name(), folder)
		if err != nil {
			return nil, err
		}
		components = append(components, component)
	}
	slices.SortFunc(components, func(a, b Component) int {
		if a.Order != b.Order {
			return a.Order - b.Order
		}
		return strings.Compare(a.Name, b.Name)
	})
	return components, nil
}

// load reads the component name from its folder. Unknown keys are errors: a
// misspelled one would otherwise leave something out of the payload silently.
func load(name string, folder fs.FS) (Component, error) {
	c := Component{Name: name, Files: map[string][]byte{}}
	err := fs.WalkDir(folder, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		c.Files[file], err = fs.ReadFile(folder, file)
		return err
	})
	if err != nil {
		return c, fmt.Errorf("reading component %s: %w", name, err)
	}
	text, ok := c.Files[componentFile]
	if !ok {
		return c, fmt.Errorf("component %s has no component.toml", name)
	}
	meta, err := toml.NewDecoder(bytes.NewReader(text)).Decode(&c)
	if err != nil {
		return c, fmt.Errorf("component %s: component.toml: %w", name, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return c, fmt.Errorf("component %s: component.toml: unknown key %s", name, unknown[0])
	}
	return c, nil
}

func names(components []Component) string {
	list := make([]string, len(components))
	for i, c := range components {
		list[i] = c.Name
	}
	return strings.Join(list, ", ")
}
