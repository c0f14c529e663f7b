package bundler

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// Recipe says what one component puts into a tree. Paths are absolute; "to",
// "path" and "file" lie below the prefix, "from" in the root that the component
// was installed in.
type Recipe struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Proof       []string `json:"proof,omitempty"` // argv that shows that the component works

	Programs []Copy    `json:"programs,omitempty"` // single files, links resolved
	Trees    []Copy    `json:"trees,omitempty"`    // directories with all below them
	Links    []Link    `json:"links,omitempty"`    // symbolic links, made last
	Opens    []string  `json:"opens,omitempty"`    // libraries opened at run time: SONAMEs, or absolute paths or globs
	Rewrites []Rewrite `json:"rewrites,omitempty"` // compiled-in paths
	Prune    []Prune   `json:"prune,omitempty"`    // what nothing misses at run time

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

// Link is a symbolic link.
type Link struct {
	Path   string `json:"path"`
	Target string `json:"target"` // as written into the link
}

// Rewrite replaces a string inside a file by one that is not longer. The file
// keeps its size. Linkers let a string that ends like another share its bytes
// ("certs" may be the end of "/usr/lib/ssl/certs"): where the program needs
// the end by itself too, New must keep it in place.
type Rewrite struct {
	File  string `json:"file"` // its other hard links keep the old string
	Old   string `json:"old"`
	New   string `json:"new"`
	Count int    `json:"count"` // exact number of places

	// Pad is how the place of a longer Old is filled. PadNUL, the default,
	// moves the rest of the NUL-terminated string up and adds NULs at its end.
	// PadSlash repeats the last slash of New: for paths whose length is
	// compiled in elsewhere.
	Pad string `json:"pad,omitempty"`

	// Optional lets the file be absent, for rewrites of a library that only
	// some components bring.
	Optional bool `json:"optional,omitempty"`
}

// Values of Rewrite.Pad.
const (
	PadNUL   = "nul"
	PadSlash = "slash"
)

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
		switch {
		case w.Old == "" || w.Count < 1:
			bad("rewrite of %s: old and count must be given", w.File)
		case strings.ContainsRune(w.Old, 0) && len(w.New) < len(w.Old) && w.Pad != PadSlash:
			bad("rewrite of %s: %q contains NUL, so %q must be as long", w.File, w.Old, w.New)
		case len(w.New) > len(w.Old):
			bad("rewrite of %s: %q is longer than %q", w.File, w.New, w.Old)
		case strings.Contains(w.New, w.Old) && w.New != w.Old:
			bad("rewrite of %s: %q contains %q", w.File, w.New, w.Old)
		case w.Pad != "" && w.Pad != PadNUL && w.Pad != PadSlash:
			bad("rewrite of %s: pad %q is neither %q nor %q", w.File, w.Pad, PadNUL, PadSlash)
		case w.Pad == PadSlash && !strings.Contains(w.New, "/"):
			bad("rewrite of %s: %q has no slash to repeat", w.File, w.New)
		}
	}
	return errors.Join(errs...)
}
