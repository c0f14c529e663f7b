package problem

import (
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"

	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
)

// CheckReference refuses what is no image reference. What says what it stands
// for, as in "base image".
func CheckReference(what, ref string) error {
	if _, err := reference.ParseAnyReference(ref); err != nil {
		return badReference(what, ref, err)
	}
	return nil
}

// CheckName refuses what cannot be given to an image as a name: beside what is
// no reference, digests and image IDs.
func CheckName(what, ref string) error {
	named, err := reference.ParseNormalizedNamed(ref)
	if _, digested := named.(reference.Digested); err == nil && digested {
		err = errors.New("an image gets its digest from its content")
	}
	if err != nil {
		return badReference(what, ref, err)
	}
	return nil
}

// Normalized is a name in the form in which it is the same whoever writes it
// out: with its registry and its tag. What is no name stays as it is.
func Normalized(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return reference.TagNameOnly(named).String()
}

// SameName reports whether an engine takes two names for one.
func SameName(one, other string) bool { return Normalized(one) == Normalized(other) }

// TakesBase refuses a name that is a base's.
func TakesBase(name string) error {
	return New(Usage, fmt.Sprintf("--tag %s is the name of a base, which would lose it to the image over it", name), nil, "Choose another --tag, or leave it out")
}

// RepositoryAdvice says where to correct the repository of the images made.
const RepositoryAdvice = "Correct --repository; 'docker openhands config' shows where its value comes from"

// CheckRepository refuses what is not the name of a repository.
func CheckRepository(repository string) error {
	named, err := reference.ParseNormalizedNamed(repository)
	if err == nil && reference.IsNameOnly(named) {
		return nil
	}
	return New(Reference, fmt.Sprintf("the repository %q is not a name without tag", repository), err, RepositoryAdvice)
}

func badReference(what, ref string, err error) error {
	given := ref[strings.LastIndexAny(ref, "/:")+1:]
	switch {
	case ref == "":
		err = errors.New("it is empty")
	case len(given) > tag.Max && strings.HasSuffix(ref, ":"+given) && !strings.Contains(ref, "@"):
		err = fmt.Errorf("its tag has %d characters, and %d are allowed", len(given), tag.Max)
	}
	return New(Reference, fmt.Sprintf("the %s %q is not an image reference", what, ref), err,
		"Write it as [HOST[:PORT]/]NAME[:TAG] or with @DIGEST, in lower case, for example alpine:3.20")
}
