package pins

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A lock has the hashes of the wheels of both architectures, and of sources only
// where an architecture has no wheel.
func TestCompilePython(t *testing.T) {
	for _, test := range []struct {
		name, amd64, arm64, want, err string
	}{
		{name: "wheels", amd64: pylock("a 1 00 33 11", "b 2.0 00 44"), arm64: pylock("a 1 00 22 11", "b 2.0 00 44"),
			want: "a==1 --hash=sha256:11 --hash=sha256:22 --hash=sha256:33\nb==2.0 --hash=sha256:44\n"},
		{name: "sources of one", amd64: pylock("a 1 00 11"), arm64: pylock("a 1 00"), want: "a==1 --hash=sha256:00 --hash=sha256:11\n"},
		{name: "other version", amd64: pylock("a 1 00"), arm64: pylock("a 2 00"), err: "different packages"},
		{name: "one more", amd64: pylock("a 1 00"), arm64: pylock("a 1 00", "b 1 00"), err: "different packages"},
		{name: "no hash", amd64: "[[packages]]\nname = 'a'\nversion = '1'", arm64: pylock("a 1 00"), err: "no SHA-256 of a 1"},
		{name: "nothing", err: "no package"},
		{name: "no TOML", amd64: "[", err: "reading what uv chose"},
	} {
		t.Run(test.name, func(t *testing.T) {
			clients(t, map[string]string{"uv": uv})
			component(t, map[string]string{"new-x86_64.toml": test.amd64, "new-aarch64.toml": test.arm64})
			got, err := compilePython(t.Context(), t.TempDir())
			if string(got) != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// Packages are for the Python of a component, not for that of this machine.
func TestPythonVersion(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "3.13",
		"[tool.uv]\nprerelease = 'allow'":        "3.13",
		"[tool.uv.pip]\nprerelease = 'allow'":    "3.13",
		"[tool.uv.pip]\npython-version = '3.11'": "3.11",
	} {
		dir := component(t, map[string]string{"pyproject.toml": text})
		if err := confinePython(dir, "", nil); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "pyproject.toml"))
		if err != nil || strings.Count(string(got), "python-version = '"+want+"'") != 1 || strings.Contains(text, "allow") != strings.Contains(string(got), "allow") {
			t.Errorf("of %q uv reads %q, %v", text, got, err)
		}
	}
}
