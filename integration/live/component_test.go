package live

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// TestOwnComponent builds the documented example of a user's own component
// and lets it encode pictures on bases that have nothing for it.
func TestOwnComponent(t *testing.T) {
	args := []string{"openhands", "build", "--base", "alpine:3.20", "--base", "scratch", "--repository", "oh-live/own",
		"--component-dir", filepath.Join("..", "..", "docs", "examples", "ffmpeg"), "--json", "--progress", "plain"}
	cmd := lab.Engine{}.Command(t.Context(), append(args, leaveMost(t)...)...)
	var log lockedBuffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	var made struct {
		Images []struct {
			Base       string
			References []string
		}
	}
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatal(err)
	}
	for _, image := range made.Images {
		cleanup(t, lab.Engine{}, "rmi", image.References[0])
	}
	for _, image := range made.Images[1:] {
		t.Run(image.Base, func(t *testing.T) {
			run := func(argv ...string) string {
				return docker(t, append([]string{"run", "--rm", "--network", "none", image.References[0]}, argv...)...)
			}
			frames := run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=duration=1:size=64x32:rate=5", "-c:v", "libx264", "-f", "framecrc", "-")
			if n := strings.Count(frames, "\n0, "); n != 5 {
				t.Errorf("%d frames:\n%s", n, frames)
			}
			if size := run("ffprobe", "-v", "error", "-f", "lavfi", "-show_entries", "stream=width,height", "-of", "csv=p=0", "testsrc=size=64x32"); strings.TrimSpace(size) != "64,32" {
				t.Errorf("size %q", size)
			}
		})
	}
}

// TestCompanyIndex has a recipe say which package indexes it got of those that
// people name in the environment. It then fails, and nothing else is built.
func TestCompanyIndex(t *testing.T) {
	component := filepath.Join(t.TempDir(), "company")
	if err := os.Mkdir(component, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"component.toml": "description = \"says its indexes\"\nproof = [\"/openhands/bin/oh-init\", \"--help\"]\n",
		"install.sh":     "echo \"pip asks $PIP_INDEX_URL, uv $UV_DEFAULT_INDEX, npm $NPM_CONFIG_REGISTRY\"\nexit 9\n",
	} {
		if err := os.WriteFile(filepath.Join(component, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const pip, npm = "https://me:it's@pip.example/simple?a=$b", "https://npm.example/"
	for name, value := range map[string]string{"PIP_INDEX_URL": pip, "NPM_CONFIG_REGISTRY": npm, "UV_DEFAULT_INDEX": "", "UV_INDEX_URL": ""} {
		t.Setenv(name, value)
	}
	args := []string{"openhands", "deps", "build", "--repository", "oh-live/company", "--component-dir", component,
		"--package-config", "uv=", "--progress", "plain"}
	cmd := lab.Engine{}.Command(t.Context(), append(args, leaveMost(t)...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	checkProblem(t, cmd.Run(), stderr.String(), problem.BuildFailed)
	contains(t, stderr.String(), "pip asks "+pip+", uv "+pip+", npm "+npm)
}
