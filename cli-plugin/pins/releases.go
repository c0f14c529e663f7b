package pins

import (
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
	"github.com/docker-openhands/docker-openhands/templates"
)

// A component with the folder templates.LocksFolder has a lock for each release
// that it can be of. All are made from one pyproject.toml, in which releaseMark
// stands for the release.
//
// What a release asks for has few upper bounds, and later versions of other
// packages break it; those of its own time have faults that are known by now. So
// the newest locked release has the newest versions that it allows, and each
// older one none newer than the next locked release has: there its makers have
// put bounds to what broke it. What they mended in their own code instead, the
// table releases-before bounds.

// releaseMark stands for a release in the requirements of a pyproject.toml.
const releaseMark = "{release}"

// Release makes the lock of one release of the component in folder anew, below
// work. It is for the folder that locks names, or of the component itself where
// that is empty.
func Release(ctx context.Context, folder, locks, version, work string) (File, error) {
	known, err := lockedReleases(folder)
	if err != nil {
		return File{}, err
	}
	var bounds []byte
	if i := slices.IndexFunc(known, func(locked string) bool { return templates.CompareReleases(locked, version) > 0 }); i >= 0 {
		if bounds, err = readPins(lockOf(folder, known[i])); err != nil {
			return File{}, err
		}
	}
	if locks == "" {
		locks = filepath.Join(folder, templates.LocksFolder)
	}
	return lockRelease(ctx, folder, filepath.Join(locks, version+".txt"), version, bounds, work)
}

// HasReleases reports whether the component in folder has locks of releases.
func HasReleases(folder string) bool {
	known, err := lockedReleases(folder)
	return err == nil && len(known) > 0
}

// refreshReleases makes all locks of the component in folder anew, below work.
func refreshReleases(ctx context.Context, folder, work string) ([]File, error) {
	known, err := lockedReleases(folder)
	if err != nil {
		return nil, err
	}
	var files []File
	var bounds []byte
	for _, version := range slices.Backward(known) {
		file, err := lockRelease(ctx, folder, lockOf(folder, version), version, bounds, work)
		if err != nil {
			return nil, err
		}
		files, bounds = append(files, file), file.text
	}
	return files, nil
}

// lockedReleases are the releases with a lock in a component's folder, the
// newest last.
func lockedReleases(folder string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(folder, templates.LocksFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for locks: %w", err)
	}
	var known []string
	for _, entry := range entries {
		if version, ok := strings.CutSuffix(entry.Name(), ".txt"); ok && templates.IsRelease(version) {
			known = append(known, version)
		}
	}
	slices.SortFunc(known, templates.CompareReleases)
	return known, nil
}

func lockOf(folder, version string) string {
	return filepath.Join(folder, templates.LocksFolder, version+".txt")
}

// lockRelease makes a lock anew, whatever stands in its place, with no newer
// versions than bounds, a lock, has of the same packages.
func lockRelease(ctx context.Context, folder, lock, version string, bounds []byte, work string) (File, error) {
	scratch, err := os.MkdirTemp(work, "")
	if err != nil {
		return File{}, fmt.Errorf("making a folder for a lock: %w", err)
	}
	source, err := readPins(filepath.Join(folder, "pyproject.toml"))
	if err != nil {
		return File{}, err
	}
	marked := strings.ReplaceAll(string(source), releaseMark, version)
	if marked == string(source) {
		return File{}, problem.New(problem.BadComponent, fmt.Sprintf("the pyproject.toml of %s does not say what is of the release", folder), nil,
			fmt.Sprintf("Require what is of it as \"NAME == %s\"", releaseMark))
	}
	if err := os.WriteFile(filepath.Join(scratch, "pyproject.toml"), []byte(marked), 0o644); err != nil {
		return File{}, fmt.Errorf("copying pins: %w", err)
	}
	if err := confinePython(scratch, version, atMost(bounds)); err != nil {
		return File{}, err
	}
	text, err := compilePython(ctx, scratch)
	if err != nil {
		return File{}, fmt.Errorf("locking the release %s: %w", version, err)
	}
	file := File{Path: lock, Changes: []Change{}, text: text, mode: 0o644}
	old, err := readPins(lock)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return File{}, err
	}
	file.Changed = string(old) != string(text)
	file.Changes = append(file.Changes, compare(submatches(pythonPin, old), submatches(pythonPin, text))...)
	return file, nil
}

// atMost are requirements of no newer versions than a lock has.
func atMost(lock []byte) []string {
	var bounds []string
	pins := submatches(pythonPin, lock)
	for _, name := range slices.Sorted(maps.Keys(pins)) {
		bounds = append(bounds, name+" <= "+pins[name])
	}
	return bounds
}
