package pins

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// platforms are uv's names of the architectures that one lock serves.
var platforms = []string{"x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"}

// compilePython has uv choose the newest versions that pyproject.toml allows. It
// fails where the architectures need different packages.
func compilePython(ctx context.Context, dir string) error {
	if err := confinePython(dir); err != nil {
		return err
	}
	var texts [][]byte
	for _, platform := range platforms {
		out := platform + ".txt"
		if _, err := run(ctx, dir, "uv", "pip", "compile", "--quiet", "--no-python-downloads", "--upgrade",
			"--generate-hashes", "--no-header", "--no-annotate", "--python-platform", platform, "--output-file", out, "pyproject.toml"); err != nil {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, out))
		if err != nil {
			return err
		}
		texts = append(texts, text)
	}
	if !bytes.Equal(texts[0], texts[1]) {
		return problem.New(problem.NoLock, "the architectures amd64 and arm64 need different packages", nil,
			"Exclude the package that only one of them needs, in pyproject.toml")
	}
	return os.WriteFile(filepath.Join(dir, "requirements.txt"), texts[0], 0o644)
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
