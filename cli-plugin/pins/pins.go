// Package pins refreshes what components pin: the files in their folders that
// say which version and which hash of a package is installed. The ordinary
// clients of the package registries do the work, with their own settings.
package pins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
)

// kind is a file with pins and how it is made anew.
type kind struct {
	source string // file beside it that it is made from; empty: none
	file   string

	// refresh makes the file anew in dir, a copy of the component's pins.
	refresh func(ctx context.Context, dir string) error
	// read returns the pinned versions in the text of the file, by package.
	read func(text []byte) (map[string]string, error)
}

// kinds come in the order in which they are made from one another.
func kinds() []kind {
	return []kind{
		{"pyproject.toml", "requirements.txt", refreshPython, readPython},
		{"", "archives.sha512", refreshArchives, readArchives},
		{"archives.sha512", "package.json", followArchives, readDependencies},
		{"package.json", "package-lock.json", lockNode, readNode},
	}
}

// File is a file with pins that was made anew.
type File struct {
	Path    string   `json:"path"`
	Changed bool     `json:"changed"` // be it only in hashes
	Changes []Change `json:"changes"`

	text []byte
	mode fs.FileMode
}

// Change is a package whose pin is another one. Old is empty for a new package,
// New for one that is needed no more.
type Change struct {
	Package string `json:"package"`
	Old     string `json:"old"`
	New     string `json:"new"`
}

// Find returns the folders of the components that dir is about: those of a
// checkout of the project, of a folder of components, or a component itself.
func Find(dir string) ([]string, error) {
	for _, pattern := range []string{"component.toml", "*/component.toml", "templates/components/*/component.toml"} {
		found, err := filepath.Glob(filepath.Join(escape(dir), pattern))
		if err != nil {
			return nil, fmt.Errorf("looking for components in %s: %w", dir, err)
		}
		for i := range found {
			found[i] = filepath.Dir(found[i])
		}
		if len(found) > 0 {
			return found, nil
		}
	}
	return nil, problem.New(problem.Usage, dir+" holds no components", nil,
		"Name a checkout of the project, a folder of components or one component; those that are built into the plugin are fixed")
}

// escape takes the meaning from the characters that Glob knows.
func escape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// Refresh makes all pins of the component in folder anew, below work, and
// returns them.
func Refresh(ctx context.Context, folder, work string) ([]File, error) {
	scratch, err := os.MkdirTemp(work, "")
	if err != nil {
		return nil, fmt.Errorf("making a folder for new pins: %w", err)
	}
	if err := copyPins(scratch, folder); err != nil {
		return nil, err
	}
	var files []File
	for _, k := range kinds() {
		if !exists(scratch, k.file) || k.source != "" && !exists(scratch, k.source) {
			continue
		}
		if err := k.refresh(ctx, scratch); err != nil {
			return nil, fmt.Errorf("making %s anew: %w", filepath.Join(folder, k.file), err)
		}
		file, err := k.compare(filepath.Join(folder, k.file), filepath.Join(scratch, k.file))
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	locks, err := refreshReleases(ctx, folder, work)
	return append(files, locks...), err
}

// maxPins is more than any file with pins has, in bytes.
const maxPins = 64 << 20

// copyPins copies the files that pins are in or made from, and nothing else of a
// component's folder: clients obey settings that they find where they run. A
// link is refused, since a client would write where it leads.
func copyPins(to, folder string) error {
	for _, k := range kinds() {
		for _, name := range []string{k.source, k.file} {
			if name == "" {
				continue
			}
			text, err := readPins(filepath.Join(folder, name))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(to, name), text, 0o644); err != nil {
				return fmt.Errorf("copying pins: %w", err)
			}
		}
	}
	return nil
}

// readPins reads a file that pins are in or made from.
func readPins(file string) ([]byte, error) {
	info, err := os.Lstat(file)
	if err != nil {
		return nil, fmt.Errorf("reading pins: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxPins {
		return nil, problem.New(problem.BadComponent, fmt.Sprintf("%s is a link, no file, or larger than %d MB", file, maxPins>>20), nil,
			"Put the file with pins in its place")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading pins: %w", err)
	}
	return text, nil
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

func (k kind) compare(old, renewed string) (File, error) {
	f := File{Path: old, Changes: []Change{}}
	info, err := os.Stat(old)
	if err != nil {
		return f, fmt.Errorf("reading pins: %w", err)
	}
	f.mode = info.Mode().Perm()
	var pins [2]map[string]string
	var texts [2][]byte
	for i, path := range []string{old, renewed} {
		if texts[i], err = os.ReadFile(path); err != nil {
			return f, fmt.Errorf("reading pins: %w", err)
		}
		if pins[i], err = k.read(texts[i]); err != nil {
			return f, fmt.Errorf("reading the pins in %s: %w", path, err)
		}
	}
	f.text, f.Changed = texts[1], !bytes.Equal(texts[0], texts[1])
	f.Changes = append(f.Changes, compare(pins[0], pins[1])...)
	return f, nil
}

func compare(old, renewed map[string]string) []Change {
	all := maps.Clone(old)
	maps.Copy(all, renewed)
	var changes []Change
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if old[name] != renewed[name] {
			changes = append(changes, Change{name, old[name], renewed[name]})
		}
	}
	return changes
}

// Write puts the new pins in the place of the old ones.
func (f File) Write() error { return settings.WriteFile(f.Path, f.text, f.mode) }
