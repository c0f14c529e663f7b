package pins

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// dependencies is what is read of a package.json. VersionsFrom names lock files
// inside packages of archives.sha512, as PACKAGE/PATH: the modules of
// Dependencies are those that they lock, and have their versions.
type dependencies struct {
	Dependencies map[string]string `json:"dependencies"`
	VersionsFrom []string          `json:"versionsFrom"`
}

// followArchives gives the modules of package.json the versions that the
// packages in archives.sha512 want of them.
func followArchives(ctx context.Context, dir string) error {
	file := filepath.Join(dir, "package.json")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var ours dependencies
	if err := json.Unmarshal(text, &ours); err != nil {
		return err
	}
	wanted, err := lockedIn(ctx, dir, ours.VersionsFrom)
	if err != nil || wanted == nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(ours.Dependencies)) {
		old, version := ours.Dependencies[name], wanted[name]
		if version == "" {
			return problem.New(problem.NoLock, fmt.Sprintf("package.json names %s, which is in none of %s", name, strings.Join(ours.VersionsFrom, ", ")), nil,
				"Take it out of package.json, and put in what is loaded in its place")
		}
		text = bytes.Replace(text, fmt.Appendf(nil, "%q: %q", name, old), fmt.Appendf(nil, "%q: %q", name, version), 1)
		ours.Dependencies[name] = version
	}
	var written dependencies
	if err := json.Unmarshal(text, &written); err != nil {
		return err
	}
	if !maps.Equal(written.Dependencies, ours.Dependencies) {
		return errors.New(`package.json is not written as "NAME": "VERSION"`)
	}
	return os.WriteFile(file, text, 0o644)
}

// lockedIn returns the versions in lock files PACKAGE/PATH by module; of one
// that several files name the first counts. Without files it is nil.
func lockedIn(ctx context.Context, dir string, files []string) (map[string]string, error) {
	if len(files) == 0 {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Join(dir, "archives.sha512"))
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, line := range archive.FindAllSubmatch(text, -1) {
		name := string(line[1])
		var inside []string
		for _, file := range files {
			if path, ok := strings.CutPrefix(file, name+"/"); ok {
				inside = append(inside, path)
			}
		}
		if len(inside) == 0 {
			continue
		}
		locks, err := extract(ctx, dir, string(line[0]), name+"@"+string(line[2]), inside)
		if err != nil {
			return nil, err
		}
		for _, lock := range slices.Backward(locks) {
			modules, err := readNode(lock)
			if err != nil {
				return nil, err
			}
			maps.Copy(all, modules)
		}
	}
	return all, nil
}

// extract returns files of a package of the npm registry, whose archive has
// the SHA-512 that line begins with.
func extract(ctx context.Context, dir, line, spec string, paths []string) ([][]byte, error) {
	out, err := npm(ctx, dir, "pack", "--silent", spec)
	if err != nil {
		return nil, err
	}
	packed := filepath.Join(dir, filepath.Base(strings.TrimSpace(string(out))))
	defer os.Remove(packed)
	f, err := os.Open(packed)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha512.New()
	content := io.TeeReader(f, sum)
	unzipped, err := gzip.NewReader(content)
	if err != nil {
		return nil, fmt.Errorf("unpacking %s: %w", spec, err)
	}
	found := make([][]byte, len(paths))
	for entries := tar.NewReader(unzipped); ; {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("unpacking %s: %w", spec, err)
		}
		// The first folder has no meaning.
		_, path, _ := strings.Cut(entry.Name, "/")
		if i := slices.Index(paths, path); i >= 0 {
			if found[i], err = io.ReadAll(entries); err != nil {
				return nil, fmt.Errorf("unpacking %s: %w", spec, err)
			}
		}
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return nil, fmt.Errorf("reading %s: %w", packed, err)
	}
	if !strings.HasPrefix(line, hex.EncodeToString(sum.Sum(nil))+" ") {
		return nil, fmt.Errorf("%s has another SHA-512 than the registry says", spec)
	}
	if i := slices.IndexFunc(found, func(text []byte) bool { return text == nil }); i >= 0 {
		return nil, problem.New(problem.NoLock, fmt.Sprintf("%s holds no %s", spec, paths[i]), nil, "Correct versionsFrom in package.json")
	}
	return found, nil
}

// readDependencies returns the versions in a package.json by module.
func readDependencies(text []byte) (map[string]string, error) {
	var d dependencies
	err := json.Unmarshal(text, &d)
	return d.Dependencies, err
}
