package templates

import (
	"encoding/json"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const server = "action-execution-server"

func components(t *testing.T) []Component {
	t.Helper()
	all, err := Components()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func only(t *testing.T, wanted ...string) []Component {
	t.Helper()
	var found []Component
	for _, c := range components(t) {
		if slices.Contains(wanted, c.Name) {
			found = append(found, c)
		}
	}
	return found
}

func TestComponentsAreComplete(t *testing.T) {
	all := components(t)
	if !slices.IsSortedFunc(all, func(a, b Component) int { return a.Order - b.Order }) {
		t.Errorf("not in layer order: %s", names(all))
	}
	for _, c := range all {
		if c.License == "" {
			t.Errorf("%s: a license is needed, an SPDX expression", c.Name)
		}
		if c.Releases != nil {
			versions, _ := Releases([]Component{c}, c.Server)
			if len(versions) == 0 {
				t.Errorf("%s: no release is pinned", c.Name)
			}
			for _, version := range versions {
				if len(ReleaseHashes([]Component{c}, c.Server, version)) == 0 {
					t.Errorf("%s: %s is pinned without a hash", c.Name, version)
				}
			}
		}
		for _, link := range c.Links {
			if !strings.HasPrefix(link.Path, payload.Prefix+"/") {
				t.Errorf("%s: link %s lies outside the payload", c.Name, link.Path)
			}
		}
	}
}

// A link out of the payload is a fault unless the contract has it.
func TestLinksIntoTheBase(t *testing.T) {
	found := map[string]string{}
	for _, c := range components(t) {
		for _, link := range c.Links {
			if filepath.IsAbs(link.Target) && !strings.HasPrefix(link.Target, payload.Prefix+"/") {
				found[link.Path] = link.Target
			}
		}
	}
	if diff := cmp.Diff(payload.OutsideLinks(), found); diff != "" {
		t.Error(diff)
	}
}

func TestLoadRefuses(t *testing.T) {
	const good = "description = 'x'\nproof = ['/openhands/x']\n"
	for _, test := range []struct{ name, toml, want string }{
		{"misspelled key", "# x\ndescripton = 'x'", "dir/component.toml:2: unknown key descripton"},
		{"misspelled key of a table", good + "[[links]]\npath = '/openhands/x'\ntraget = 'y'", "dir/component.toml:5: unknown key links.traget"},
		{"unknown table", good + "[[program]]\nfrom = '/x'", "dir/component.toml:3: unknown key program"},
		{"broken syntax", good + "order = ", "dir/component.toml:3: "},
		{"wrong type", good + "order = 'first'", "dir/component.toml:3: "},
		{"no description", "proof = ['x']", "dir/component.toml:1: a description is needed"},
		{"no proof", "description = 'x'", "dir/component.toml:1: a proof is needed"},
		{"an option as a package", good + "packages = ['tmux', '-o']", `dir/component.toml:3: "-o" is no Debian package`},
		{"a need outside", good + "needs = { python = ['/usr'] }", `dir/component.toml:3: "/usr" is not a clean path below /openhands`},
		{"a program outside", good + "[[programs]]\nfrom = '/usr/bin/x'\nto = '/usr/bin/y'", `dir/component.toml:5: recipe x: to "/usr/bin/y" is not`},
		{"an exception without a reason", good + "allow = ['/openhands/y']", `dir/component.toml:3: "/openhands/y" is not "/path/pattern: reason"`},
		{"a launcher of nothing", good + "[launchers.x]\nargs = ['y']", `dir/component.toml:3: the launcher "x"`},
		{"a package to remove", good + "packages = ['g++', 'vim-']", `dir/component.toml:3: "vim-" is no Debian package`},
		{"a version with a dash at its end", good + "packages = ['vim=1-']", `dir/component.toml:3: "vim=1-" is no Debian package`},
		{"a need with options of a mount", good + "needs = { python = ['/openhands/a,rw=true b'] }", `dir/component.toml:3: "/openhands/a,rw=true b" is not a clean path`},
		{"a need of itself", good + "[needs]\nx = ['/openhands/a']", `dir/component.toml:4: a component cannot need itself: remove "x"`},
		{"a need of its own role", good + "provides = 'y'\n[needs]\ny = ['/openhands/a']", `dir/component.toml:5: a component cannot need itself: remove "y"`},
		{"a launcher in the place of PID 1", good + "[launchers.oh-init]\npath = '/openhands/x'", `dir/component.toml:3: oh-init is a program of the payload itself`},
		{"a launcher in the place of all", good + "[launchers.oh-wrappers]\npath = '/openhands/x'", `dir/component.toml:3: oh-wrappers is a program of the payload itself`},
		{"left out without a reason", good + "[[lean.requirements]]\npackages = ['y']", `dir/component.toml:4: lean.requirements ["y"]: packages and reason`},
		{"pruned without a reason", good + "[[lean.prune]]\npaths = ['y']", `dir/component.toml:4: recipe x: prune ["y"]: paths and reason`},
		{"pruned outside", good + "[[lean.prune]]\nreason = 'z'\npaths = ['/etc/../x']", `dir/component.toml:5: recipe x: prune "/etc/../x" is not`},
		// What a message is about can be found in other places before its own.
		{"a package that a comment names", good + "# not -o\npackages = [\n'g++',\n'-o',\n]", `dir/component.toml:6: "-o" is no Debian package`},
		{"a package that another key names", good + "trees = [{from = '/-o', to = '/openhands/-o'}]\npackages = ['-o']", `dir/component.toml:4: "-o" is no Debian package`},
		{"a need that is a program, too", good + "[[programs]]\nfrom = '/usr'\nto = '/openhands/x'\n[needs]\npython = ['/usr']", `dir/component.toml:7: "/usr" is not a clean path`},
		{"a launcher of a name in another's", good + "[launchers.xx]\npath = '/openhands/x'\n[launchers.x]\nargs = ['y']", `dir/component.toml:5: the launcher "x"`},
		{"the second one without a reason", good + "[[lean.requirements]]\npackages = ['x']\nreason = 'y'\n[[lean.requirements]]\npackages = ['y']", `dir/component.toml:7: lean.requirements ["y"]: packages and reason`},
		{"a program that the proof names", "description = 'x'\nproof = ['/usr/bin/y']\n[[programs]]\nfrom = '/usr/bin/x'\nto = '/usr/bin/y'", `dir/component.toml:5: recipe x: to "/usr/bin/y" is not`},
		{"releases without a file", good + "releases = { package = 'x', file = 'y' }", `dir/component.toml:3: there is no file "y"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := load("x", fstest.MapFS{"component.toml": {Data: []byte(test.toml)}}, "dir")
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
	if _, err := load("x", fstest.MapFS{"install.sh": {}}, "dir"); err == nil {
		t.Error("a folder without component.toml was accepted")
	}
	if _, err := load("X y", fstest.MapFS{"component.toml": {Data: []byte(good)}}, "dir"); err == nil {
		t.Error("a folder with a blank in its name was accepted")
	}
}

func TestLoadReadsFiles(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		componentFile: "description = 'x'\nproof = ['/openhands/x']\n", "install.sh": "true",
		"data/file": "x", "data/.DS_Store": "x", ".env": "SECRET=x", ".git/index": "x",
		"data/" + recipeFile: "{}", // not where the build writes it
	} {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("install.sh", filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	c, err := load("x", os.DirFS(folder), folder)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{componentFile, "data/file", "data/" + recipeFile, "install.sh", "link"}
	if got := slices.Sorted(maps.Keys(c.Files)); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLoadRefusesFiles(t *testing.T) {
	for _, test := range []struct {
		file fstest.MapFile
		name string
		want string
	}{
		{fstest.MapFile{Mode: fs.ModeNamedPipe}, "data/pipe", "reading the component dir: data/pipe: neither a file"},
		{fstest.MapFile{Mode: fs.ModeSocket}, "socket", "reading the component dir: socket: neither a file"},
		{fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("folder")}, "link", "reading the component dir: link: neither a file"},
		{fstest.MapFile{}, recipeFile, "reading the component dir: recipe.json: the build writes a file of this name"},
		{fstest.MapFile{}, leanFile, "reading the component dir: lean.txt: the build writes a file of this name"},
	} {
		folder := fstest.MapFS{
			componentFile: {Data: []byte("description = 'x'\nproof = ['/openhands/x']\n")},
			"folder/file": {}, test.name: &test.file,
		}
		if _, err := load("x", folder, "dir"); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an error with %q", test.name, err, test.want)
		}
	}
}

func TestAddFromRefuses(t *testing.T) {
	const good = "description = 'x'\nproof = ['/openhands/x']\n"
	for _, test := range []struct{ folder, toml, want string }{
		{"python", good, `there is a component "python" already: rename the folder`},
		{"mine", good + "server = 'x'", `component.toml:3: there is no server "x"`},
		{"mine", good + "releases = { package = 'x', file = 'component.toml' }", "component.toml:3: the releases are those of the server's own component: remove the key"},
	} {
		dir := filepath.Join(t.TempDir(), test.folder)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, componentFile), []byte(test.toml), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := AddFrom(components(t), dir); err == nil || !strings.HasSuffix(err.Error(), test.want) {
			t.Errorf("got %v, want an error with %q", err, test.want)
		}
	}
}

// A link may lead anywhere in the component's folder, and nowhere else.
func TestAddFromFollowsLinksInside(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "mine")
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{componentFile: "description = 'x'\nproof = ['/openhands/x']\n", "sub/file": "text"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("sub/file", filepath.Join(dir, "inside")); err != nil {
		t.Fatal(err)
	}
	added := func() (Component, error) {
		all, err := AddFrom(nil, dir)
		if err != nil {
			return Component{}, err
		}
		return all[0], nil
	}
	if c, err := added(); err != nil || string(c.Files["inside"]) != "text" {
		t.Errorf("%q, %v", c.Files, err)
	}
	away, err := filepath.Rel(filepath.Join(dir, "sub"), outside)
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{outside, away} {
		link := filepath.Join(dir, "sub", "data.txt")
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		if c, err := added(); err == nil || !strings.Contains(err.Error(), "sub/data.txt") {
			t.Errorf("a link to %s: %q, %v", target, c.Files, err)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
}

func stage1(components []Component) Stage1 {
	return Stage1{
		Version:     "0.62.0",
		Server:      server,
		BuilderBase: "debian:trixie-slim",
		Arch:        "amd64",
		Components:  components,
		Labels:      map[string]string{payload.LabelKind: payload.KindDeps, payload.LabelVersion: "0.62.0"},
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestStage1Dockerfile(t *testing.T) {
	selected, err := Select(only(t, "python", "node", "uv", "openhands", server, "core"), Choice{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	got, err := stage1(selected).Dockerfile()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "stage1.Dockerfile", got)
}

// In a builder of another architecture, what install.sh runs is made for the
// builder first, and everything else is unpacked beside it.
func TestStage1ForAnotherArchitecture(t *testing.T) {
	selected, err := Select(only(t, "python", "node", "uv", "vscode", "openhands", server, "core"), Choice{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	s := stage1(selected)
	s.Arch, s.BuilderArch = "arm64", "amd64"
	got, err := s.Dockerfile()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "foreign.Dockerfile", got)
	files, err := s.BuilderContext()
	if err != nil {
		t.Fatal(err)
	}
	for name, folder := range map[string]string{"python": "python", "node": "node", "uv": "uv", "core": "", "vscode": "", server: ""} {
		if _, ok := files["builder/"+name+"/recipe.json"]; ok != (folder != "") {
			t.Errorf("%s is made for the builder: %v", name, ok)
		}
	}
	recipe := string(files["builder/python/recipe.json"].Data)
	if !strings.Contains(recipe, "x86_64-linux-gnu") || strings.Contains(recipe, "aarch64") {
		t.Errorf("what runs in the builder is made by the recipe %s", recipe)
	}
}

// What a component runs may need others in its turn; what is only looked at is
// not made for the builder.
func TestRunFollowsNeeds(t *testing.T) {
	named := func(names ...string) map[string][]string {
		all := map[string][]string{}
		for _, name := range names {
			all[name] = nil
		}
		return all
	}
	var got []string
	for _, c := range stage1([]Component{
		{Name: "server", Runs: named("python"), Needs: named("text")},
		{Name: "python", Needs: named("data"), Runs: named("compiler")},
		{Name: "text"},
		{Name: "data"},
		{Name: "compiler"},
	}).run() {
		got = append(got, c.Name)
	}
	if want := []string{"data", "compiler", "python"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// With a checkout the one component that has the sources gets them, and the
// version shapes nothing.
func TestStage1OfACheckout(t *testing.T) {
	s := stage1(only(t, "openhands", "core"))
	s.Source = map[string]File{"openhands/x.py": {Mode: 0o644}}
	text, err := s.Dockerfile()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(text, "source=source,target=/source"); n != 1 || strings.Contains(text, "OPENHANDS_VERSION") {
		t.Errorf("%d mounts of the checkout:\n%s", n, text)
	}
	files, err := s.Context()
	if _, ok := files["source/openhands/x.py"]; !ok || err != nil {
		t.Errorf("the context lacks the checkout: %v", err)
	}
}

func TestLayersPutLibrariesInTheMiddle(t *testing.T) {
	got := stage1([]Component{{Name: "low", Order: 10}, {Name: "high", Order: 90}}).Layers()
	if want := []string{"component-low", "libs", "component-high"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	got = stage1([]Component{{Name: "low", Order: 10}}).Layers()
	if want := []string{"component-low", "libs"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestChangingLayersAreTheUppermost(t *testing.T) {
	sources := Component{Name: "sources", Order: 90, Sources: true}
	for want, components := range map[string][]Component{
		"component-sources": {{Name: "low", Order: 10}, {Name: "high", Order: 80}, sources},
		"":                  {{Name: "low", Order: 10}, sources, {Name: "above", Order: 95}},
	} {
		s := stage1(components)
		if got := strings.Join(s.Changing(), " "); got != want {
			t.Errorf("changing %q, want %q", got, want)
		}
		if got := slices.Concat(s.Settled(), s.Changing()); !slices.Equal(got, s.Layers()) {
			t.Errorf("%q and not %q", got, s.Layers())
		}
	}
	if got := stage1([]Component{{Name: "low", Order: 10, Sources: true}}).Changing(); len(got) > 0 {
		t.Errorf("%q would lie below the libraries", got)
	}
}

func TestStagesFollowTheirNeeds(t *testing.T) {
	var got []string
	for _, c := range stage1([]Component{
		{Name: "a", Needs: map[string][]string{"c": nil}},
		{Name: "b"},
		{Name: "c", Needs: map[string][]string{"d": nil}},
		{Name: "d"},
	}).Stages() {
		got = append(got, c.Name)
	}
	if want := []string{"d", "c", "a", "b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestStage1Context(t *testing.T) {
	s := stage1(components(t))
	files, err := s.Context()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Components {
		file, ok := files["components/"+c.Name+"/recipe.json"]
		if !ok || !json.Valid(file.Data) {
			t.Errorf("%s: no valid recipe.json", c.Name)
		}
		script := "stage1/settled.sh"
		if c.Name == "openhands" {
			script = "stage1/check.sh"
		}
		if !strings.Contains(string(files[script].Data), "\nprove "+c.Name+" ") {
			t.Errorf("%s: its proof is not run", c.Name)
		}
	}
}

// Exceptions from the seal are recorded in the payload, where there are any.
func TestStage1RecordsExceptions(t *testing.T) {
	for _, allow := range [][]string{nil, {"/openhands/x: a test"}} {
		files, err := stage1([]Component{{Name: "x", Allow: allow}}).Context()
		if err != nil {
			t.Fatal(err)
		}
		if recorded := strings.Contains(string(files["stage1/check.sh"].Data), payload.AllowFile); recorded != (allow != nil) {
			t.Errorf("exceptions %q: recorded: %v", allow, recorded)
		}
	}
}

func TestShellWord(t *testing.T) {
	if got, want := shellWord(`it's $HOME`), `'it'\''s $HOME'`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRuntimeDockerfile(t *testing.T) {
	got, err := Runtime{
		DepsImage: "example.org/runtime:oh_deps_v0.62.0_0123456789abcdef",
		Base:      "alpine:3.20",
		SetupArgs: []string{"--user", "openhands:1000"},
		Env:       append([]payload.Var{{Name: "PATH", Value: payload.BaseFirst.Path("")}}, payload.Environ()...),
		Account:   "root", WorkingDir: payload.Workspace,
		Port: 8000, Healthcheck: "NONE",
		Entrypoint: []string{payload.Init, "--"},
		Cmd:        []string{payload.Bin + "/oh-action-execution-server"},
		Labels:     map[string]string{payload.LabelKind: payload.KindRuntime},
	}.Dockerfile()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "runtime.Dockerfile", got)
}
