package builder

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/buildx/buildxtest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/fingerprint"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/templates"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/util/progress/progressui"
)

// told is a builder and what it tells buildx: arguments, bake file and build
// context are files of the folder that it returns.
func told(t *testing.T, version string) (*Builder, *fakeStore, string) {
	t.Helper()
	buildxtest.ClearEnvironment(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir, store := t.TempDir(), newFakeStore(t, false)
	script := "cat >" + dir + "/bake; cp -r . " + dir + "/context; printf '%s\\n' \"$@\" >" + dir + "/arguments; env >" + dir + "/environment\n"
	return &Builder{
		Engine: store.engine(), Log: new(strings.Builder), Progress: progressui.PlainMode, CLI: buildxtest.NewStandInOf(t, version, script),
	}, store, dir
}

func lines(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// Buildx may read the files that it is to hand over, and no others.
func TestFilesOfABuildAreAllowed(t *testing.T) {
	for version, asks := range map[string]bool{
		"v0.37.2": true, "0.18.0": true, "v1.0.0": true, "v0.0.0+unknown": true, "": true, "0.13.1+ds1-3": false, "v0.17.1": false,
	} {
		b, _, dir := told(t, version)
		conf := filepath.Join(t.TempDir(), "pip.conf, mine")
		if err := os.WriteFile(conf, []byte("[global]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		b.PackageConfig = map[string]string{"ca": "", "pip": conf, "npm": "", "uv": ""}
		_, _ = b.stage1(t.Context(), plan.Deps{Image: "team/deps:1"}) // it builds nothing
		var allowed []string
		arguments := lines(t, dir+"/arguments")
		for i, argument := range arguments {
			if argument == "--allow" {
				allowed = append(allowed, arguments[i+1])
			}
		}
		var want []string
		if asks {
			want = []string{"fs.read=" + conf}
		}
		if !slices.Equal(allowed, want) {
			t.Errorf("version %s: %q is allowed, want %q", version, allowed, want)
		}
		for _, variable := range lines(t, dir+"/environment") {
			if strings.HasPrefix(variable, "BUILDX_BAKE_ENTITLEMENTS_FS") {
				t.Errorf("version %s: the check is off: %s", version, variable)
			}
		}
	}
}

// The passwords that a build is given are in nothing that an image keeps: in
// no label and instruction, and no file of the context.
func TestPasswordsStayOut(t *testing.T) {
	const password = "hunter2-made-up"
	b, store, dir := told(t, "v0.37.2")
	t.Setenv("PIP_INDEX_URL", "https://me:"+password+"@index.example/simple")
	t.Setenv("NPM_CONFIG_REGISTRY", "https://me:"+password+"@npm.example/")
	components, err := templates.Components()
	if err != nil {
		t.Fatal(err)
	}
	base := store.put(t, v1.ConfigFile{}, baseLayers...)
	command := "pip install --index-url https://me:" + password + "@index.example/ x"
	p, err := plan.New(plan.Options{
		Bases: []string{"alpine:3.20"}, Repository: "team/rt", Server: plan.DefaultServer, Arch: "amd64", BuilderBase: plan.DefaultBuilderBase,
		LayerOrder: plan.OrderAuto, Assemble: plan.AssembleAuto, ExtraDeps: command,
	}, plan.Inputs{Components: components})
	if err != nil {
		t.Fatal(err)
	}
	r := p.Runtimes[0]
	origin := origin(base, base)
	_, _ = local{b.native()}.make(t.Context(), r, base, base, origin) // no payload is in these: only the labels count
	if mark := origin[payload.LabelExtraDeps]; !fingerprint.Of(mark, command) {
		t.Errorf("the label %s is %q", payload.LabelExtraDeps, mark)
	}
	check := func(what string) {
		t.Helper()
		err := filepath.WalkDir(dir, func(name string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(name)
			if holds := strings.Contains(string(text), password); holds != (filepath.Base(name) == "environment") {
				t.Errorf("%s: %s holds the password: %v", what, name, holds)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, _ = b.stage1(t.Context(), p.Deps) // the stand-in builds nothing
	check("stage 1")
	for _, text := range []string{r.Dockerfile, r.ExtraDepsStep(), p.Deps.Dockerfile} {
		if strings.Contains(text, password) {
			t.Errorf("the password is in\n%s", text)
		}
	}
	for label, value := range r.Labels {
		if strings.Contains(value, password) {
			t.Errorf("the label %s is %s", label, value)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	_, _ = b.extraDeps(t.Context(), r, base.ID)
	check("extra dependencies")
	var file struct {
		Target struct {
			Image struct {
				NoCache bool `json:"no-cache"`
			}
		}
	}
	if err := json.Unmarshal([]byte(strings.Join(lines(t, dir+"/bake"), "\n")), &file); err != nil || !file.Target.Image.NoCache {
		t.Errorf("BuildKit's cache is used for a command that it does not see: %v", err)
	}
}

// Nothing about an image tells a command that is searched for but the slow
// comparison: images with other commands have the same labels besides.
func TestCommandsCannotBeSearched(t *testing.T) {
	labels := func(command string) map[string]string {
		p, err := plan.New(plan.Options{
			Bases: []string{"alpine:3.20"}, Repository: "team/rt", Server: plan.DefaultServer, Arch: "amd64",
			LayerOrder: plan.OrderAuto, Assemble: plan.AssembleAuto, ExtraDeps: command, Version: "1.6.0", Deps: &plan.DepsImage{Ref: "deps:1"},
		}, plan.Inputs{})
		if err != nil {
			t.Fatal(err)
		}
		return p.Runtimes[0].Labels
	}
	one, other := labels("token=1234"), labels("token=1235")
	for name, value := range one {
		if other[name] != value {
			t.Errorf("the label %s tells two commands apart: %s and %s", name, value, other[name])
		}
	}
}

// What people set in the environment instead of a file comes to the steps of
// stage 1 as a shell script: the bake file names the variable of buildx that
// holds it.
func TestIndexSettings(t *testing.T) {
	buildxtest.ClearEnvironment(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	var log strings.Builder
	b := &Builder{
		Engine: newFakeStore(t, false).engine(), Log: &log, Progress: progressui.PlainMode,
		CLI: buildxtest.NewStandIn(t, "cat >"+dir+"/bake; env -0 >"+dir+"/env\n"),
	}
	got := func() (script string, named bool) {
		t.Helper()
		_, err := b.stage1(t.Context(), plan.Deps{Image: "team/deps:1"})
		var p *problem.Error
		if !errors.As(err, &p) || p.Code != problem.BuildFailed { // the stand-in builds nothing
			t.Fatalf("%v\n%s", err, &log)
		}
		var file struct {
			Target struct{ Image struct{ Secret []string } }
		}
		data, err := os.ReadFile(dir + "/bake")
		if err == nil {
			err = json.Unmarshal(data, &file)
		}
		environment, readErr := os.ReadFile(dir + "/env")
		if err := errors.Join(err, readErr); err != nil {
			t.Fatal(err)
		}
		for _, secret := range file.Target.Image.Secret {
			if variable, ok := strings.CutPrefix(secret, "id=settings,env="); ok {
				named = true
				for entry := range strings.SplitSeq(string(environment), "\x00") {
					if value, ok := strings.CutPrefix(entry, variable+"="); ok {
						script = value
					}
				}
			}
		}
		return script, named
	}
	if script, named := got(); named {
		t.Errorf("without variables there is a secret, with %q", script)
	}
	t.Setenv("PIP_INDEX_URL", "https://me:it's@index/simple?a=$b")
	t.Setenv("UV_INDEX", "https://uv/")
	script, _ := got()
	cmd := exec.Command("sh", "-euc", script+`printf '%s|%s' "$PIP_INDEX_URL" "$UV_INDEX"`)
	cmd.Env = []string{}
	out, err := cmd.CombinedOutput()
	if want := "https://me:it's@index/simple?a=$b|https://uv/"; err != nil || string(out) != want {
		t.Errorf("the script sets %q, want %q: %v", out, want, err)
	}
}
