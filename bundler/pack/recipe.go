package pack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// Recipe says what one component puts into a tree. Paths are absolute; "to",
// "path" and "file" lie below the prefix, "from" in the root that the component
// was installed in.
type Recipe struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Proof       []string `json:"proof,omitempty"` // argv that shows that the component works

	Programs []Copy            `json:"programs,omitempty"` // single files, links resolved
	Trees    []Copy            `json:"trees,omitempty"`    // directories with all below them
	Links    []bundler.Link    `json:"links,omitempty"`    // symbolic links, made last
	Opens    []string          `json:"opens,omitempty"`    // libraries opened at run time: SONAMEs, or absolute paths or globs
	Rewrites []bundler.Rewrite `json:"rewrites,omitempty"` // compiled-in paths
	Prune    []Prune           `json:"prune,omitempty"`    // what nothing misses at run time

	// Launchers is carried for the tool that writes launchers; the bundler
	// does not look inside.
	Launchers map[string]json.RawMessage `json:"launchers,omitempty"`
}

// Copy is a file or a directory that is copied.
type Copy struct {
	From string `json:"from"`
	To   string `json:"to"`

	// Exclude holds patterns of path.Match for a tree: one without a slash is
	// compared with the name of every file and directory, one with a slash with
	// the path relative to From. What is below an excluded directory is left
	// out too.
	Exclude []string `json:"exclude,omitempty"`
}

// ParseRecipe reads the JSON form of a Recipe; unknown fields are errors.
func ParseRecipe(data []byte, prefix string) (*Recipe, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var r Recipe
	if err := d.Decode(&r); err != nil {
		return nil, fmt.Errorf("recipe: %w", err)
	}
	if err := r.validate(prefix); err != nil {
		return nil, fmt.Errorf("recipe %s: %w", r.Name, err)
	}
	return &r, nil
}

func (r *Recipe) validate(prefix string) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if r.Name == "" || strings.ContainsAny(r.Name, "/\x00") || r.Name[0] == '.' {
		bad("name %q cannot be a file name", r.Name)
	}
	inside := func(what, p string) {
		if path.Clean(p) != p || !tree.Within(p, prefix) {
			bad("%s %q is not a clean path below %s", what, p, prefix)
		}
	}
	for _, c := range append(append([]Copy{}, r.Programs...), r.Trees...) {
		inside("to", c.To)
		if !path.IsAbs(c.From) {
			bad("from %q is not absolute", c.From)
		}
		for _, pattern := range c.Exclude {
			if _, err := path.Match(pattern, ""); err != nil {
				bad("exclude %q: %w", pattern, err)
			}
		}
	}
	for _, l := range r.Links {
		inside("link", l.Path)
		if l.Target == "" {
			bad("link %q has no target", l.Path)
		}
	}
	for _, p := range r.Prune {
		if err := p.validate(); err != nil {
			errs = append(errs, err)
		}
	}
	for _, w := range r.Rewrites {
		inside("rewrite of", w.File)
		if err := w.Check(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
