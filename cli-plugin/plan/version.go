package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/templates"
)

// DefaultVersion is the newest version that the payload of a server can be of.
func DefaultVersion(components []templates.Component, server string) string {
	versions, _ := templates.Releases(components, server)
	if len(versions) == 0 {
		return ""
	}
	return versions[len(versions)-1]
}

// chooseVersion refuses a version that the payload cannot be of. Where none
// was chosen it is the default.
func (o *Options) chooseVersion(components []templates.Component) error {
	newest := DefaultVersion(components, o.Server)
	if o.Version == "" {
		o.Version = newest
	}
	if !templates.IsRelease(o.Version) {
		return problem.Usagef("--openhands-version is %q, not a version such as %s", o.Version, newest)
	}
	known, final := templates.Releases(components, o.Server)
	if len(known) == 0 || slices.Contains(known, o.Version) {
		return nil
	}
	if _, first, ok := templates.Locked(components, o.Server); ok {
		return o.notLocked(known, first)
	}
	choose := choice(o.Version, known)
	others := slices.DeleteFunc(templates.Servers(components), func(server string) bool { return server == o.Server })
	if !final || len(others) == 0 || templates.CompareReleases(o.Version, newest) < 0 {
		return problem.New(problem.Usage, fmt.Sprintf("no release %s for the server %s is known", o.Version, o.Server), nil, choose)
	}
	return problem.New(problem.Usage,
		fmt.Sprintf("OpenHands %s has no %s any more: %s was the last release with it", o.Version, o.Server, newest), nil,
		fmt.Sprintf("Choose its successor with --server %s and without --openhands-version. Or c%s", strings.Join(others, " or "), choose[1:]))
}

// manyReleases is how many are told where a release is not known.
const manyReleases = 4

// choice says which releases there are in place of an unknown one: those of the
// same minor version if there are any, else the newest.
func choice(unknown string, known []string) string {
	minor := func(version string) string {
		parts := strings.SplitN(version, ".", 3)
		return strings.Join(parts[:min(2, len(parts))], ".")
	}
	var near []string
	for _, version := range known {
		if minor(version) == minor(unknown) {
			near = append(near, version)
		}
	}
	switch few := known[max(0, len(known)-manyReleases):]; {
	case len(near) > 0:
		return "Choose " + strings.Join(near, " or ") + ", or the newest, " + known[len(known)-1] + ", with latest"
	case len(few) == len(known):
		return "Choose one of " + strings.Join(known, ", ")
	default:
		return fmt.Sprintf("Choose one of the newest, %s, or an older one from %s on", strings.Join(few, ", "), known[0])
	}
}

// notLocked is the error of a release that could have a lock, unless it is older
// than the first.
func (o *Options) notLocked(known []string, first string) error {
	if templates.CompareReleases(o.Version, first) < 0 {
		return problem.New(problem.Usage, fmt.Sprintf("release %s of the server %s does not work in a payload: %s is the first that does", o.Version, o.Server, first), nil,
			choice(o.Version, known))
	}
	return problem.New(problem.NotLocked, fmt.Sprintf("release %s of the server %s has no lock: what it is installed from is not known", o.Version, o.Server), nil,
		fmt.Sprintf("Make one with 'docker openhands deps lock --server %s --openhands-version %s' and try again, or choose %s, which has one", o.Server, o.Version, strings.Join(nearest(known, o.Version), " or ")))
}

// nearest returns the last of sorted versions that is older than the given one,
// and the first that is newer, as far as there are any.
func nearest(versions []string, version string) []string {
	i, _ := slices.BinarySearchFunc(versions, version, templates.CompareReleases)
	return versions[max(i-1, 0):min(i+1, len(versions))]
}
