package traditional

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func writeTree(t *testing.T, files ...string) (root string) {
	t.Helper()
	root = t.TempDir()
	for _, name := range files {
		name, text, _ := strings.Cut(name, "=")
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestPayloadFiles(t *testing.T) {
	const server = "openhands/runtime/action_execution_server.py"
	root := writeTree(t, "pyproject.toml=version = '1.6.0-rc.1+x'", "poetry.lock", server,
		"openhands/README.md", "openhands/run.sh", "openhands/__pycache__/x.py", "openhands/old.pyc", "openhands/.cache/x.py",
		"openhands/server/node_modules/x/index.js", "skills/git.md", "frontend/src/x.ts", ".git/HEAD", "node_modules/y/index.js", "tests/x.py")
	if err := os.Chmod(filepath.Join(root, "openhands/run.sh"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../skills", filepath.Join(root, "openhands/skills")); err != nil {
		t.Fatal(err)
	}
	source := open(t, root)
	if got := source.PayloadVersion(); got != "1.6.0.rc.1.x" {
		t.Errorf("version %s", got)
	}
	files, err := source.PayloadFiles()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"openhands/README.md", "openhands/run.sh", server, "openhands/skills/git.md", "poetry.lock", "pyproject.toml", "skills/git.md"}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(files))); diff != "" {
		t.Error(diff)
	}
	if mode := files["openhands/run.sh"].Mode; mode != 0o755 {
		t.Errorf("mode %o", mode)
	}
}

func TestPayloadFilesRefuses(t *testing.T) {
	for want, tree := range map[string][]string{
		"do not hold the action execution server": {"pyproject.toml=version = '1.7.0'", "poetry.lock", "openhands/__init__.py"},
		"have no poetry.lock":                     {"pyproject.toml=version = '1.6.0'", "openhands/runtime/action_execution_server.py"},
	} {
		source := open(t, writeTree(t, tree...))
		if _, err := source.PayloadFiles(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
