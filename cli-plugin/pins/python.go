package pins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// platforms are uv's names of the architectures that one lock serves.
var platforms = []string{"x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"}

// refreshPython has uv choose the newest versions that pyproject.toml allows.
func refreshPython(ctx context.Context, dir string) error {
	if err := confinePython(dir, "", nil); err != nil {
		return err
	}
	text, err := compilePython(ctx, dir)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "requirements.txt"), text, 0o644)
}

// compilePython has uv choose the newest versions that the pyproject.toml in dir
// allows, and returns them as a requirements file of pip with a line for each
// package: its version and the hashes of the wheels that it can be installed
// from, on one architecture or the other, or of its sources where it has no such
// wheel. It fails where the architectures need different packages.
func compilePython(ctx context.Context, dir string) ([]byte, error) {
	var all [][]requirement
	for _, platform := range platforms {
		cpu, _, _ := strings.Cut(platform, "-")
		out := "pylock." + cpu + ".toml"
		if _, err := run(ctx, dir, "uv", "pip", "compile", "--quiet", "--no-python-downloads", "--upgrade",
			"--generate-hashes", "--no-header", "--no-annotate", "--python-platform", platform, "--format", "pylock.toml", "--output-file", out, "pyproject.toml"); err != nil {
			return nil, err
		}
		text, err := os.ReadFile(filepath.Join(dir, out))
		if err != nil {
			return nil, err
		}
		list, err := parsePylock(text)
		if err != nil {
			return nil, err
		}
		all = append(all, list)
	}
	return joinPlatforms(all[0], all[1])
}

// requirement is a package of one version, with the SHA-256 of what it can be
// installed from in hexadecimal.
type requirement struct {
	name, version string
	hashes        []string
}

// artifact is an archive of a package.
type artifact struct {
	Hashes struct{ SHA256 string }
}

// parsePylock reads a pylock.toml, whose format the Python packaging user guide
// has, as uv writes it for one platform: with the wheels that fit there.
func parsePylock(text []byte) ([]requirement, error) {
	var lock struct {
		Packages []struct {
			Name, Version string
			Sdist         artifact
			Wheels        []artifact
		}
	}
	if err := toml.Unmarshal(text, &lock); err != nil {
		return nil, fmt.Errorf("reading what uv chose: %w", err)
	}
	var list []requirement
	for _, p := range lock.Packages {
		r := requirement{name: p.Name, version: p.Version}
		archives := p.Wheels
		if len(archives) == 0 {
			archives = []artifact{p.Sdist}
		}
		for _, archive := range archives {
			if archive.Hashes.SHA256 == "" {
				return nil, problem.New(problem.NoLock, fmt.Sprintf("the index tells no SHA-256 of %s %s", p.Name, p.Version), nil,
					"Use an index that tells the hashes of what it has")
			}
			r.hashes = append(r.hashes, archive.Hashes.SHA256)
		}
		list = append(list, r)
	}
	return list, nil
}

// joinPlatforms writes the requirements file that serves two platforms.
func joinPlatforms(a, b []requirement) ([]byte, error) {
	if !slices.EqualFunc(a, b, func(a, b requirement) bool { return a.name == b.name && a.version == b.version }) {
		return nil, problem.New(problem.NoLock, "the architectures amd64 and arm64 need different packages", nil,
			"Exclude the package that only one of them needs, in pyproject.toml")
	}
	var text strings.Builder
	for i := range a {
		hashes := slices.Concat(a[i].hashes, b[i].hashes)
		slices.Sort(hashes)
		fmt.Fprintf(&text, "%s==%s", a[i].name, a[i].version)
		for _, hash := range slices.Compact(hashes) {
			text.WriteString(" --hash=sha256:" + hash)
		}
		text.WriteByte('\n')
	}
	if text.Len() == 0 {
		return nil, errors.New("uv chose no package")
	}
	return []byte(text.String()), nil
}

var pythonPin = regexp.MustCompile(`(?m)^([A-Za-z0-9._-]+)==([^ \\;\n]+)`)

func readPython(text []byte) (map[string]string, error) {
	return submatches(pythonPin, text), nil
}

// submatches maps the first group of each match to the second.
func submatches(pattern *regexp.Regexp, text []byte) map[string]string {
	found := map[string]string{}
	for _, match := range pattern.FindAllSubmatch(text, -1) {
		found[string(match[1])] = string(match[2])
	}
	return found
}
