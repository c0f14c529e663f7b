package live

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document/documenttest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The images of the traditional tests carry what they were built from in their
// environment: ON names the image at the bottom, START what the template was
// told.
const traditionalTemplate = `FROM {{ base_image }}
ENV START="{% if build_from_scratch %}scratch{% elif build_from_versioned %}versioned{% else %}lock{% endif %}"
COPY ./code /openhands/code
{% if extra_deps %}ENV EXTRA="{{ extra_deps }}"{% endif %}
`

const traditionalBase = "oh-live/traditional:base"

// traditionalSource is a small tree of sources with a template of its own.
func traditionalSource(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"pyproject.toml":        "version = \"9.8.7\"\n",
		"poetry.lock":           t.Name(), // no other test has these tags
		"microagents/agent.md":  "agent",
		"openhands/__init__.py": "",
		"openhands/README.md":   "left out",
		"openhands/runtime/utils/runtime_templates/Dockerfile.j2": traditionalTemplate,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// traditionalTags are references by the kind of their tag.
func traditionalTags(t *testing.T, source string) map[string]string {
	t.Helper()
	var answer struct {
		Tags [1]struct{ Repository, SourceTag, LockTag, VersionedTag string }
	}
	text := docker(t, "openhands", "tags", "--mode", "traditional", "--base", traditionalBase, "--source", source, "--json")
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	documenttest.Validate(t, "tags", []byte(text))
	tags := answer.Tags[0]
	return map[string]string{
		"source": tags.Repository + ":" + tags.SourceTag, "lock": tags.Repository + ":" + tags.LockTag, "versioned": tags.Repository + ":" + tags.VersionedTag,
	}
}

// loadTraditional puts an image that says where it is from into the engine.
func loadTraditional(t *testing.T, ref, on string) {
	t.Helper()
	load(t, lab.Engine{}, ref, v1.Config{Env: []string{"ON=" + on}}, runtime.GOARCH, layer(t, []entry{{name: "/on", mode: 0o644, data: []byte(on)}}))
}

// traditionalBuild builds in the traditional mode and returns the image's ID,
// its references and what was said meanwhile. What it made is removed at the
// test's end.
func traditionalBuild(t *testing.T, source string, flags ...string) (id string, references []string, log string) {
	t.Helper()
	before := holdings(t, lab.Engine{})
	args := append([]string{"openhands", "build", "--mode", "traditional", "--base_image", traditionalBase, "--source", source, "--json", "--progress", "plain"}, flags...)
	cmd := lab.Engine{}.Command(t.Context(), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	var report struct {
		Images []struct {
			ID         string
			References []string
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil || len(report.Images) != 1 {
		t.Fatalf("%v in %s", err, &stdout)
	}
	for _, line := range holdings(t, lab.Engine{}) {
		if image, name, isImage := strings.Cut(line, " "); isImage && !slices.Contains(before, line) {
			if name == "<none>:<none>" {
				name = image
			}
			cleanup(t, lab.Engine{}, "rmi", "--force", name)
		}
	}
	return report.Images[0].ID, report.Images[0].References, stderr.String()
}

// id is the image that has a name, empty where none has it.
func id(t *testing.T, ref string) string {
	t.Helper()
	if !(lab.Engine{}).HasImage(t.Context(), ref) {
		return ""
	}
	return docker(t, "image", "inspect", "--format", "{{.Id}}", ref)
}

func environment(t *testing.T, image string) string {
	t.Helper()
	var kept []string
	for _, variable := range strings.Fields(docker(t, "image", "inspect", "--format", "{{join .Config.Env \"\\n\"}}", image)) {
		if !strings.HasPrefix(variable, "PATH=") {
			kept = append(kept, variable)
		}
	}
	return strings.Join(kept, " ")
}

// TestTraditional goes through every decision on images that are there.
func TestTraditional(t *testing.T) {
	// Nothing listens there: what the engine lacks cannot be pulled.
	t.Setenv("OH_RUNTIME_RUNTIME_IMAGE_REPO", "localhost:1/oh-live/traditional")
	loadTraditional(t, traditionalBase, "base")
	source := traditionalSource(t)
	tags := traditionalTags(t, source)
	for _, test := range []struct {
		there  []string
		force  bool
		result string // environment; empty: nothing is built
		gets   []string
	}{
		{nil, false, "ON=base START=scratch", []string{"source", "lock", "versioned"}},
		{[]string{"lock"}, false, "ON=lock START=lock", []string{"source"}},
		{[]string{"versioned"}, false, "ON=versioned START=versioned", []string{"source", "lock"}},
		{[]string{"lock", "versioned"}, false, "ON=lock START=lock", []string{"source"}},
		{[]string{"source"}, false, "", nil},
		{[]string{"source", "lock"}, false, "", nil},
		{[]string{"source", "versioned"}, false, "", nil},
		{[]string{"source", "lock", "versioned"}, false, "", nil},
		{nil, true, "ON=base START=scratch", []string{"source", "lock", "versioned"}},
		{[]string{"lock"}, true, "ON=base START=scratch", []string{"source", "versioned"}},
		{[]string{"versioned"}, true, "ON=base START=scratch", []string{"source", "lock"}},
		{[]string{"lock", "versioned"}, true, "ON=base START=scratch", []string{"source"}},
		{[]string{"source"}, true, "ON=base START=scratch", []string{"lock", "versioned"}},
		{[]string{"source", "lock"}, true, "ON=base START=scratch", []string{"versioned"}},
		{[]string{"source", "versioned"}, true, "ON=base START=scratch", []string{"lock"}},
		{[]string{"source", "lock", "versioned"}, true, "ON=base START=scratch", nil},
	} {
		name := strings.Join(test.there, " ") + " there"
		var flags []string
		if test.force {
			name, flags = name+", forced", []string{"--force_rebuild"}
		}
		t.Run(name, func(t *testing.T) {
			before := map[string]string{}
			for _, kind := range test.there {
				loadTraditional(t, tags[kind], kind)
				before[kind] = id(t, tags[kind])
			}
			made, references, _ := traditionalBuild(t, source, flags...)
			if test.result == "" {
				if made != before["source"] {
					t.Errorf("the image is %s, and not the one that was there", made)
				}
			} else if got := environment(t, made); got != test.result {
				t.Errorf("the image has %q, want %q", got, test.result)
			}
			after := map[string]string{}
			for kind, ref := range tags {
				if holder := id(t, ref); holder != "" {
					after[kind] = holder
				}
			}
			var want []string
			for _, kind := range test.gets {
				before[kind] = made
				want = append(want, tags[kind])
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the images by tag, as they should be (-) and as they are (+):\n%s", diff)
			}
			if want == nil {
				want = []string{made}
			}
			if test.result != "" && !slices.Equal(want, references) {
				t.Errorf("it says that the image has the names %q, want %q", references, want)
			}
		})
	}
}

// TestTraditionalRegistry has the earlier images in a registry only.
func TestTraditionalRegistry(t *testing.T) {
	registry, err := lab.StartRegistry(t.Context(), t.TempDir(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.Stop)
	t.Setenv("OH_RUNTIME_RUNTIME_IMAGE_REPO", registry.Host+"/oh-live/traditional")
	loadTraditional(t, traditionalBase, "base")
	source := traditionalSource(t)
	tags := traditionalTags(t, source)
	for _, test := range []struct {
		pushed string
		start  string
		gets   []string
	}{
		{"", "scratch", []string{"source", "lock", "versioned"}},
		{"source", "scratch", []string{"source", "lock", "versioned"}}, // made from who knows what
		{"versioned", "versioned", []string{"source", "lock"}},
		{"lock", "lock", []string{"source"}},
	} {
		t.Run(test.start+" from "+test.pushed, func(t *testing.T) {
			on := "base"
			if test.pushed != "" {
				loadTraditional(t, tags[test.pushed], test.pushed)
				docker(t, "push", "--quiet", tags[test.pushed])
				docker(t, "rmi", tags[test.pushed])
			}
			if test.start != "scratch" {
				on = test.pushed
			}
			plan := docker(t, "openhands", "build", "--mode", "traditional", "--base", traditionalBase, "--source", source, "--dry-run")
			contains(t, plan, "("+test.start+")")
			made, references, _ := traditionalBuild(t, source)
			if got, want := environment(t, made), "ON="+on+" START="+test.start; got != want {
				t.Errorf("the image has %q, want %q", got, want)
			}
			var want []string
			for _, kind := range test.gets {
				want = append(want, tags[kind])
			}
			if !slices.Equal(references, want) {
				t.Errorf("the image got %q, want %q", references, want)
			}
		})
	}
}

// TestTraditionalRecord changes what no tag is a hash of.
func TestTraditionalRecord(t *testing.T) {
	t.Setenv("OH_RUNTIME_RUNTIME_IMAGE_REPO", "localhost:1/oh-live/traditional")
	loadTraditional(t, traditionalBase, "base")
	cleanup(t, lab.Engine{}, "rmi", "--force", id(t, traditionalBase)) // loses its name below
	source := traditionalSource(t)
	first, _, log := traditionalBuild(t, source, "--extra-deps", "one")
	if strings.Contains(log, "differently") {
		t.Errorf("the first build already finds something different:\n%s", log)
	}
	contains(t, environment(t, first), "EXTRA=one")

	again, _, log := traditionalBuild(t, source, "--extra-deps", "one", "--strict-tags")
	if again != first || strings.Contains(log, "differently") {
		t.Errorf("the same request gives %s, and %s before:\n%s", again, first, log)
	}
	other, _, log := traditionalBuild(t, source, "--extra-deps", "two")
	if other != first {
		t.Errorf("the source tag is %s, and was %s", other, first)
	}
	contains(t, log, "was made differently (extra dependencies)")

	loadTraditional(t, traditionalBase, "another base")
	for _, flags := range [][]string{
		{"--extra-deps", "two"},
		{"--extra-deps", "one", "--extra-build-args", "--build-arg A=B"},
		{"--extra-deps", "one"}, // for the base
	} {
		cmd := lab.Engine{}.Command(t.Context(), append([]string{"openhands", "build", "--mode", "traditional",
			"--base", traditionalBase, "--source", source, "--strict-tags"}, flags...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		checkProblem(t, cmd.Run(), stderr.String(), problem.TagReused)
	}
}

// TestTraditionalFolder prepares a folder as scripts of former days ask for it.
func TestTraditionalFolder(t *testing.T) {
	t.Setenv("OH_RUNTIME_RUNTIME_IMAGE_REPO", "localhost:1/oh-live/traditional")
	source := traditionalSource(t)
	tags := traditionalTags(t, source)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.sh"), []byte("DOCKER_REGISTRY=here\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := holdings(t, lab.Engine{})
	docker(t, "openhands", "build", "--mode", "traditional", "--base_image", traditionalBase, "--source", source, "--build_folder", dir, "--no_enable_browser")
	if diff := cmp.Diff(before, holdings(t, lab.Engine{})); diff != "" {
		t.Errorf("the engine before (-) and after (+):\n%s", diff)
	}
	config, err := os.ReadFile(filepath.Join(dir, "config.sh"))
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(config), "DOCKER_REGISTRY=here\n\nDOCKER_IMAGE_TAG=oh_v9.8.7_image_oh-live_s_traditional_tag_base\nDOCKER_IMAGE_SOURCE_TAG=oh_v9.8.7_")
	if _, withBrowser, _ := strings.Cut(tags["source"], "traditional:"); strings.Contains(string(config), withBrowser) {
		t.Errorf("the tag is the one with the browser:\n%s", config)
	}
	text, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(text), "FROM "+traditionalBase+"\nENV START=\"scratch\"")
	for _, name := range []string{"code/pyproject.toml", "code/poetry.lock", "code/microagents/agent.md", "code/openhands/__init__.py"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// TestTraditionalBuilder builds while another builder is selected, which would
// not see the engine's images: it stays selected, and is not used.
func TestTraditionalBuilder(t *testing.T) {
	t.Setenv("OH_RUNTIME_RUNTIME_IMAGE_REPO", "localhost:1/oh-live/traditional")
	t.Setenv("BUILDX_CONFIG", t.TempDir())
	loadTraditional(t, traditionalBase, "base")
	docker(t, "buildx", "create", "--name", "oh-live-selected", "--driver", "docker-container", "--use")
	traditionalBuild(t, traditionalSource(t))
	contains(t, docker(t, "buildx", "inspect"), "oh-live-selected")
}
