// Package traditional reproduces the names, the decisions and the Dockerfile of
// OpenHands' own image builder from the user's OpenHands sources. Whoever knows
// the tags of that builder finds the same ones here.
//
// Nothing in this package talks to an engine or a network; it reads the
// sources and writes the build context.
package traditional

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

const (
	packageName = "openhands"
	projectFile = "pyproject.toml"
	lockFile    = "poetry.lock"
)

// Source is a tree of OpenHands sources: a folder that holds the package
// openhands, with pyproject.toml and poetry.lock beside or inside it.
//
// Links may lead anywhere inside of the folder: what is read is opened beneath
// it.
type Source struct {
	root    string // absolute
	files   *os.Root
	version string
}

// Open finds the sources in the folder root, which stays open until Close.
// Errors are *problem.Error.
func Open(root string) (_ *Source, err error) {
	absolute, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("finding the sources %s: %w", root, err)
	}
	s := &Source{root: absolute}
	if s.files, err = os.OpenRoot(absolute); err != nil {
		return nil, s.broken(fmt.Sprintf("%s does not hold the folder %s", root, packageName), err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	info, err := s.files.Stat(packageName)
	if err == nil && !info.IsDir() {
		err = errors.New("it is no folder")
	}
	if err != nil {
		return nil, s.broken(fmt.Sprintf("%s does not hold the folder %s", root, packageName), err)
	}
	if s.version, err = s.findVersion(); err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends the use of the folder.
func (s *Source) Close() error { return s.files.Close() }

// PayloadVersion is the version in the characters that tags of payloads have.
func (s *Source) PayloadVersion() string {
	return strings.Trim(notInVersion.ReplaceAllString(s.version, "."), ".")
}

var notInVersion = regexp.MustCompile(`[^0-9A-Za-z]+`)

// Version is the version of OpenHands that the sources say they are.
func (s *Source) Version() string { return s.version }

func (s *Source) broken(summary string, cause error) error {
	return problem.New(problem.BadSource, summary, cause,
		"Name a checkout or an unpacked release of OpenHands with --source, or leave --source out to have a release fetched")
}

// findVersion returns the value of the first line "version = ..." in the
// pyproject.toml beside the package, else in the one inside it. It is a search
// for a line and not a parser of TOML, because the tags are made of what the
// builder of OpenHands finds, which searches that way.
func (s *Source) findVersion() (string, error) {
	for _, dir := range []string{".", packageName} {
		version, err := s.versionLine(path.Join(dir, projectFile))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", s.broken("the version of the sources cannot be read", err)
		}
		if version != "" {
			return version, nil
		}
	}
	return "", s.broken(fmt.Sprintf("no %s in %s has a line 'version = ...'", projectFile, s.root), nil)
}

func (s *Source) versionLine(name string) (string, error) {
	file, err := s.files.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "version =") {
			_, value, _ := strings.Cut(line, "=")
			return strings.Trim(strings.Trim(strings.TrimSpace(value), `"`), "'"), nil
		}
	}
	return "", lines.Err()
}

// locate finds pyproject.toml or poetry.lock, inside the package first. The path
// is relative to the sources, with slashes.
func (s *Source) locate(name string) (string, error) {
	for _, dir := range []string{packageName, "."} {
		found := path.Join(dir, name)
		_, err := s.files.Stat(found)
		if err == nil {
			return found, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", s.broken("the sources cannot be read", err)
		}
	}
	return "", s.broken(fmt.Sprintf("the sources in %s have no %s, neither inside the folder %s nor beside it", s.root, name, packageName), nil)
}
