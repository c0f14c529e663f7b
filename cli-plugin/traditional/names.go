package traditional

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// DefaultBase is the base that is built on where none is named.
const DefaultBase = "nikolaik/python-nodejs:python3.12-nodejs22"

const (
	maxVersioned = 96 // characters of a base in a versioned tag
	maxName      = 32 // characters of a base's name in the older tag
	keptName     = 24 // of them, where a hash stands for the rest
)

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
func (n Names) Reference(tag string) string { return n.Repository + ":" + tag }

// Names returns the names of the image over base. The repository is that of
// the base itself where that is an image of the repository already. Errors are
// *problem.Error.
func (s *Source) Names(ctx context.Context, repository, base string, browser bool) (Names, error) {
	n := Names{Versioned: VersionedTag(s.version, base)}
	var err error
	if n.Repository, n.Older, err = olderName(repository, s.version, base); err != nil {
		return Names{}, err
	}
	lock, err := s.LockHash(base, browser)
	if err != nil {
		return Names{}, err
	}
	source, err := s.SourceHash(ctx)
	if err != nil {
		return Names{}, err
	}
	n.Lock = fmt.Sprintf("oh_v%s_%s", s.version, lock)
	n.Source = n.Lock + "_" + source
	return n, nil
}

// Check reports whether the base, the names and further references to the image
// can be used: names are also known of bases that no engine accepts.
func (n Names) Check(base string, further []string) error {
	if err := problem.CheckReference("base image", base); err != nil {
		return err
	}
	for _, tag := range []string{n.Source, n.Lock, n.Versioned} {
		if _, err := reference.ParseNormalizedNamed(n.Reference(tag)); err != nil {
			return problem.New(problem.Reference, fmt.Sprintf("the image over %s would be called %s", base, n.Reference(tag)), err,
				problem.RepositoryAdvice+". Or correct the version in pyproject.toml of the sources")
		}
	}
	for _, tag := range further {
		if err := problem.CheckName("tag", tag); err != nil {
			return err
		}
	}
	return nil
}

func badBase(base string, cause error) error {
	return problem.New(problem.Reference, fmt.Sprintf("the base image %q is not an image reference", base), cause,
		"Write it as [HOST[:PORT]/]NAME[:TAG] or with @DIGEST, in lower case, for example debian:12")
}

// intoTag turns a reference into characters of a tag.
var intoTag = strings.NewReplacer("/", "_s_", ":", "_t_", "@", "_d_")

// VersionedTag is the tag of the images of a version of OpenHands over base.
func VersionedTag(version, base string) string {
	return fmt.Sprintf("oh_v%s_%s", version, versioned(base))
}

func versioned(base string) string {
	text := strings.ToLower(intoTag.Replace(base))
	return text[max(0, len(text)-maxVersioned):]
}

// olderName returns the repository of the image over base and its tag in the
// form that former versions used.
func olderName(repository, version, base string) (repo, tag string, err error) {
	name, suffix, err := split(base)
	if err != nil {
		return "", "", err
	}
	if strings.Contains(base, repository) {
		return name, suffix, nil
	}
	if len(name) > maxName {
		cut := len(name) - keptName
		name = md5Hex(name[:cut])[:8] + "_" + name[cut:]
	}
	prefix := "oh_v" + version + "_image_"
	tag = prefix + intoTag.Replace(name) + "_tag_" + suffix
	if len(tag) > problem.MaxTag {
		tag = prefix + md5Hex(tag)
	}
	return repository, tag, nil
}

func md5Hex(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

var printable = regexp.MustCompile(`^[!-~]+$`)

// split returns the name of a base and what a tag says of its tag and digest.
// A text that is no reference, but has one colon at most, is cut there: tags
// of such bases are known, too.
func split(base string) (name, suffix string, err error) {
	parsed, err := reference.Parse(base)
	if named, ok := parsed.(reference.Named); ok && err == nil {
		return named.Name(), intoTag.Replace(tagAndDigest(named)), nil
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
