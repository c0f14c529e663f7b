package templates

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler/pack"
)

// Lean makes a component smaller than its full form, which nothing is missing
// from.
type Lean struct {
	Requirements []LeftOut    // of the component's lock; install.sh finds the names in lean.txt
	Prune        []pack.Prune // beside the component's own
}

// LeftOut names packages that are not installed, and why.
type LeftOut struct {
	Packages []string
	Reason   string
}

// leanFile tells install.sh which packages of the lock to leave out, one a line.
const leanFile = "lean.txt"

// Report lists in lines what the lean form is without.
func (l *Lean) Report() []string {
	var lines []string
	for _, out := range l.Requirements {
		lines = append(lines, out.Reason+": "+strings.Join(out.Packages, ", "))
	}
	for _, rule := range l.Prune {
		lines = append(lines, rule.Reason)
	}
	return lines
}

// check refuses what would leave out nothing or without a reason.
func (l *Lean) check() error {
	for _, out := range l.Requirements {
		if len(out.Packages) == 0 || out.Reason == "" {
			return fmt.Errorf("lean.requirements %q: packages and reason must be given", out.Packages)
		}
	}
	return nil
}

// lean returns the components with those that have a lean form in it. It fails
// where none has.
func lean(components []Component) ([]Component, error) {
	found := false
	components = slices.Clone(components)
	for i, c := range components {
		if c.Lean == nil {
			continue
		}
		found = true
		var names strings.Builder
		for _, out := range c.Lean.Requirements {
			for _, name := range out.Packages {
				names.WriteString(name + "\n")
			}
		}
		files := map[string][]byte{leanFile: []byte(names.String())}
		for name, text := range c.Files {
			files[name] = text
		}
		components[i].Files = files
		components[i].Prune = slices.Concat(c.Prune, c.Lean.Prune)
	}
	if !found {
		return nil, errors.New("none of the components has a lean form")
	}
	return components, nil
}
