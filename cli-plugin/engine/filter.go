package engine

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/moby/moby/client"
)

// FilterNames returns the names of the filters of images.
func FilterNames() []string { return slices.Sorted(maps.Keys(filters(nil))) }

// CheckFilters refuses filters of images that there are not, and values that none
// can have.
func CheckFilters(all client.Filters) error {
	known := filters(nil)
	for name, values := range all {
		if known[name] == nil {
			return problem.Usagef("--filter knows no %q, only %s", name, strings.Join(FilterNames(), ", "))
		}
		for value := range values {
			if allowed := filterValues()[name]; allowed != nil && !slices.Contains(allowed, value) {
				return problem.Usagef("--filter %s=%s is not %s", name, value, strings.Join(allowed, " or "))
			}
		}
	}
	return nil
}

// Passes returns what reports whether an image of the inventory passes all
// filters: of those with one name, one is enough.
func (inv *Inventory) Passes(all client.Filters) func(Stored) bool {
	known := filters(inv.Superseded())
	return func(img Stored) bool {
		for name, values := range all {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(values)), func(value string) bool { return known[name](img, value) }) {
				return false
			}
		}
		return true
	}
}

// filters say by the name of a filter whether an image has a value. Superseded are
// images that others have taken the place of.
func filters(superseded []Superseded) map[string]func(Stored, string) bool {
	outdated := map[string]bool{} // IDs
	for _, img := range superseded {
		outdated[img.ID] = true
	}
	return map[string]func(Stored, string) bool{
		"base": overBase,
		"dangling": func(img Stored, value string) bool {
			return strconv.FormatBool(len(img.References) == 0) == value
		},
		"kind":       func(img Stored, value string) bool { return img.Kind == value },
		"server":     func(img Stored, value string) bool { return img.Server == value },
		"superseded": func(img Stored, value string) bool { return strconv.FormatBool(outdated[img.ID]) == value },
		"version":    func(img Stored, value string) bool { return img.Version == strings.TrimPrefix(value, "v") },
	}
}

// filterValues are the values of filters that have a closed list of them.
func filterValues() map[string][]string {
	truth := []string{"true", "false"}
	return map[string][]string{"dangling": truth, "superseded": truth, "kind": {payload.KindDeps, payload.KindRuntime}}
}

// overBase reports whether the image's base is of a name, a repository or a
// pattern of path.Match, as docker's filter "reference" takes it.
func overBase(img Stored, pattern string) bool {
	if img.Base == "" || img.Base == pattern {
		return img.Base == pattern
	}
	base, err := reference.ParseAnyReference(img.Base)
	if err != nil {
		return false
	}
	matches, err := reference.FamiliarMatch(pattern, base)
	return err == nil && matches
}
