package plan

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
)

// A further name of images can be a pattern, with one of these in it for what
// it is to have of each image. BasePlaceholder is BaseSlugPlaceholder in short.
const (
	RepoPlaceholder      = "{repo}"       // the repository of the images that are made
	BasePlaceholder      = "{base}"       // the base as tags have it, no two bases alike
	BaseSlugPlaceholder  = "{base.slug}"  // the same
	BaseNamePlaceholder  = "{base.name}"  // the base's repository, without its registry
	BaseImagePlaceholder = "{base.image}" // the last part of that
	BaseTagPlaceholder   = "{base.tag}"   // the base's tag, "latest" without one; of a digest its first 12 digits
	ServerPlaceholder    = "{server}"     // the server profile
	VersionPlaceholder   = "{version}"    // of OpenHands
	DepsPlaceholder      = "{deps}"       // the payload's hash
)

// Placeholders are all that there are.
func Placeholders() []string {
	return []string{
		BasePlaceholder, BaseImagePlaceholder, BaseNamePlaceholder, BaseSlugPlaceholder, BaseTagPlaceholder,
		DepsPlaceholder, RepoPlaceholder, ServerPlaceholder, VersionPlaceholder,
	}
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// CheckPatterns refuses placeholders that there are none of.
func (o *Options) CheckPatterns() error {
	all := slices.Clone(o.Tags)
	for _, base := range slices.Sorted(maps.Keys(o.OwnTags)) {
		all = append(all, o.OwnTags[base]...)
	}
	for _, pattern := range all {
		for _, found := range placeholder.FindAllString(pattern, -1) {
			if !slices.Contains(Placeholders(), found) {
				return problem.New(problem.Usage, fmt.Sprintf("--tag %s: there is no placeholder %s", pattern, found), nil,
					"There are "+strings.Join(Placeholders(), ", "))
			}
		}
	}
	return nil
}

// FurtherNames are the names that the patterns come to for the image over a base,
// of a server and version. Errors are *problem.Error.
func (o *Options) FurtherNames(base string, deps Deps) ([]string, error) {
	patterns := o.Tags
	if own := o.OwnTags[base]; len(own) > 0 {
		patterns = own
	}
	var names []string
	for _, pattern := range patterns {
		var wrong error
		name := placeholder.ReplaceAllStringFunc(pattern, func(of string) string {
			value, err := o.value(of, base, deps)
			if err != nil {
				wrong = err
			}
			return value
		})
		if wrong == nil {
			wrong = problem.CheckName("tag", name)
		}
		if wrong != nil && name != pattern {
			wrong = problem.New(problem.Reference, fmt.Sprintf("--tag %s is no name for the image over %s", pattern, base), problem.Cause(wrong),
				"{base}, {base.image} and {base.tag} fit behind a colon, {base.name} before it")
		}
		if wrong != nil {
			return nil, wrong
		}
		names = append(names, name)
	}
	return names, nil
}

// value is what stands for a placeholder.
func (o *Options) value(of, base string, deps Deps) (string, error) {
	switch of {
	case RepoPlaceholder:
		return o.Repository, nil
	case ServerPlaceholder:
		return deps.Server, nil
	case VersionPlaceholder:
		return deps.Version, nil
	case DepsPlaceholder:
		hash, _ := tag.HashOf(deps.Tag)
		return hash, nil
	case BasePlaceholder, BaseSlugPlaceholder:
		return tag.Base(base), nil
	}
	named, err := reference.ParseNormalizedNamed(base)
	if err != nil {
		return "", fmt.Errorf("the base %s has no name: %w", base, err)
	}
	switch of {
	case BaseImagePlaceholder:
		return path.Base(reference.Path(named)), nil
	case BaseNamePlaceholder:
		_, familiar, found := strings.Cut(reference.FamiliarName(named), reference.Domain(named)+"/")
		if !found {
			familiar = reference.FamiliarName(named)
		}
		return familiar, nil
	}
	if tagged, ok := named.(reference.Tagged); ok {
		return tagged.Tag(), nil
	}
	if digested, ok := named.(reference.Digested); ok {
		return digested.Digest().Encoded()[:12], nil
	}
	return "latest", nil
}

// checkNames refuses further names that would be taken from a base, from the
// payload, or from another image of the plan.
func (p Plan) checkNames() error {
	given, bases := GivenNames{}, map[string]bool{}
	for _, r := range p.Runtimes {
		bases[problem.Normalized(r.Base)] = r.Base != Scratch
	}
	for _, r := range p.Runtimes {
		for _, name := range r.Tags {
			key := problem.Normalized(name)
			if bases[key] {
				return problem.TakesBase(name)
			}
			if problem.SameName(name, p.Deps.Image) {
				return problem.New(problem.Usage, fmt.Sprintf("--tag %s is the name of the payload, which would lose it", name), nil, "Choose another --tag, or leave it out")
			}
			if err := given.Give(name, r.Base); err != nil {
				return err
			}
		}
	}
	return nil
}

// GivenNames are the bases of images, by the further names that they get.
type GivenNames map[string]string

// Give refuses a name that the image over another base gets.
func (g GivenNames) Give(name, base string) error {
	key := problem.Normalized(name)
	if other, taken := g[key]; taken && other != base {
		return problem.New(problem.Usage, fmt.Sprintf("--tag comes to %s for the images over %s and over %s", name, other, base), nil,
			"Have a placeholder in it that tells the bases apart, such as --tag team/app:"+BasePlaceholder)
	}
	g[key] = base
	return nil
}
