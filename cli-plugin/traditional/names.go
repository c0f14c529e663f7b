package traditional

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
)

// DefaultBase is the base that is built on where none is named.
const DefaultBase = "nikolaik/python-nodejs:python3.12-nodejs22"

// Names are the repository and the tags of the image over one base, from the
// most exact one on. Another base, browser choice, dependency or version
// changes Lock, any change of the sources changes Source as well.
type Names struct {
	Repository string
	Source     string // same sources and dependencies
	Lock       string // same dependencies
	Versioned  string // same version and base
	Older      string // the name of former versions, for config.sh
}

// Reference is the full name of a tag.
func (n Names) Reference(name string) string { return n.Repository + ":" + name }

// Names returns the names of the image over base. The repository is that of
// the base itself where that is an image of the repository already.
func (s *Source) Names(ctx context.Context, repository, base string, browser bool) (Names, error) {
	n := Names{Versioned: tag.Versioned(s.version, base)}
	var err error
	if n.Repository, n.Older, err = olderName(repository, s.version, base); err != nil {
		return Names{}, err
	}
	lock, err := s.lockHash(base, browser)
	if err != nil {
		return Names{}, err
	}
	source, err := s.sourceHash(ctx)
	if err != nil {
		return Names{}, err
	}
	n.Lock = fmt.Sprintf("oh_v%s_%s", s.version, lock)
	n.Source = n.Lock + "_" + source
	return n, nil
}

// Check refuses a base and names that no engine takes: OpenHands' own builder has
// names for some.
func (n Names) Check(base string) error {
	if err := problem.CheckReference("base image", base); err != nil {
		return err
	}
	for _, known := range []string{n.Source, n.Lock, n.Versioned} {
		if _, err := reference.ParseNormalizedNamed(n.Reference(known)); err != nil {
			return problem.New(problem.Reference, fmt.Sprintf("the image over %s would be called %s", base, n.Reference(known)), err,
				problem.RepositoryAdvice+". Or correct the version in pyproject.toml of the sources")
		}
	}
	return nil
}

func badBase(base string, cause error) error {
	return problem.New(problem.Reference, fmt.Sprintf("the base image %q is not an image reference", base), cause,
		"Write it as [HOST[:PORT]/]NAME[:TAG] or with @DIGEST, in lower case, for example debian:12")
}

// olderName returns the repository of the image over base and its tag in the
// form that former versions used.
func olderName(repository, version, base string) (repo, older string, err error) {
	name, suffix, err := split(base)
	if err != nil {
		return "", "", err
	}
	if strings.Contains(base, repository) {
		return name, suffix, nil
	}
	return repository, tag.Older(version, name, suffix), nil
}

var printable = regexp.MustCompile(`^[!-~]+$`)

// split returns the name of a base, and its tag, its digest or both, encoded for
// a tag.
// A text that is no reference, but has one colon at most, is cut there: tags
// of such bases are known, too.
func split(base string) (name, suffix string, err error) {
	parsed, err := reference.Parse(base)
	if named, ok := parsed.(reference.Named); ok && err == nil {
		return named.Name(), tag.Encode(tagAndDigest(named)), nil
	}
	name, suffix, tagged := strings.Cut(base, ":")
	if !printable.MatchString(base) || strings.Contains(suffix, ":") {
		return "", "", badBase(base, err)
	}
	if !tagged {
		suffix = "latest"
	}
	return name, suffix, nil
}

func tagAndDigest(named reference.Named) string {
	var parts []string
	if tagged, ok := named.(reference.Tagged); ok {
		parts = append(parts, tagged.Tag())
	}
	if digested, ok := named.(reference.Digested); ok {
		parts = append(parts, digested.Digest().String())
	}
	if len(parts) == 0 {
		return "latest"
	}
	return strings.Join(parts, "@")
}
