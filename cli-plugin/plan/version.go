package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
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

var version = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.]{0,40}$`)

// chooseVersion refuses a version that the payload cannot be of. Where none
// was chosen it is the default.
func (o *Options) chooseVersion(components []templates.Component) error {
	newest := DefaultVersion(components, o.Server)
	if o.Version == "" {
		o.Version = newest
	}
	if !version.MatchString(o.Version) {
		return problem.Usagef("--openhands-version is %q, not a version such as %s", o.Version, newest)
	}
	known, final := templates.Releases(components, o.Server)
	if len(known) == 0 || slices.Contains(known, o.Version) {
		return nil
	}
	choose := "Choose one of " + strings.Join(known, ", ")
	others := slices.DeleteFunc(templates.Servers(components), func(server string) bool { return server == o.Server })
	if !final || len(others) == 0 || !newer(o.Version, newest) {
		return problem.New(problem.Usage, fmt.Sprintf("no release %s for the server %s is known", o.Version, o.Server), nil, choose)
	}
	return problem.New(problem.Usage,
		fmt.Sprintf("OpenHands %s has no %s any more: %s was the last release with it", o.Version, o.Server, newest), nil,
		fmt.Sprintf("Choose its successor with --server %s and without --openhands-version. Or c%s", strings.Join(others, " or "), choose[1:]))
}

// newer reports whether the version a is newer than b. Parts that are no
// numbers count as 0.
func newer(a, b string) bool {
	numbers := func(version string) (all []int) {
		for part := range strings.SplitSeq(version, ".") {
			number, _ := strconv.Atoi(part)
			all = append(all, number)
		}
		return all
	}
	return slices.Compare(numbers(a), numbers(b)) > 0
}
