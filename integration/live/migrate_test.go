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
	"github.com/docker-openhands/docker-openhands/cli-plugin/migrate"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// oldImage has a name as the traditional builder gives it, which tells the base.
const oldImage = "oh-live/migrate:oh_v1.6.0_alpine_t_3.20"

// loadOldImage puts an image into the engine that stands in for a traditional
// one: OpenHands can start it as it starts those, but its server only says
// that it is alive.
func loadOldImage(t *testing.T) {
	t.Helper()
	const answer = `#!/bin/sh
while read -r line && [ ${#line} -gt 1 ]; do :; done
printf 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'
`
	load(t, lab.Engine{}, oldImage, v1.Config{Env: []string{"PATH=" + payload.SystemPath}}, runtime.GOARCH,
		archiveLayer(t, "alpine:3.20", runtime.GOARCH),
		layer(t, []entry{
			{name: payload.Micromamba, mode: 0o755, data: []byte("#!/bin/sh\nexec nc -lk -p 8000 -e /answer\n")},
			{name: payload.Code + "/pyproject.toml", mode: 0o644},
			{name: "/answer", mode: 0o755, data: []byte(answer)},
		}))
}

type migration struct {
	Base       string
	Comparison []migrate.Row
	ExtraDeps  []migrate.Row
	Old, New   *migrate.Measured
	Verified   *verify.Report
	OldHealth  *payload.Finding
	Switched   string
	Backup     string
}

// runMigrate runs the command; what it builds is removed at the test's end.
func runMigrate(t *testing.T, flags ...string) (m migration, stderr string, err error) {
	t.Helper()
	before := names(t)
	cmd := lab.Engine{}.Command(t.Context(), append([]string{"openhands", "migrate", "--json", "--progress", "plain"}, flags...)...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err = cmd.Run()
	if decodeErr := json.Unmarshal(out.Bytes(), &m); decodeErr != nil {
		t.Fatalf("%v in %q\n%s", decodeErr, &out, &complaint)
	}
	documenttest.Validate(t, "migrate", out.Bytes())
	if m.New != nil {
		for _, name := range strings.Fields(docker(t, "image", "inspect", "--format", "{{join .RepoTags \" \"}}", m.New.Image)) {
			if !slices.Contains(before, name) {
				cleanup(t, lab.Engine{}, "rmi", name)
			}
		}
	}
	return m, complaint.String(), err
}

const oldConfig = `# of former days
[sandbox]
base_container_image = "alpine:3.20" # stays
runtime_extra_deps = "mkdir -p /opt/tool && echo made > /opt/tool/state"
force_rebuild_runtime = true
`

func writeConfig(t *testing.T) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte(oldConfig), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMigrate goes the whole way and back, on a real payload. It starts the
// real server for each account, and so tests 'verify --live', too.
func TestMigrate(t *testing.T) {
	loadOldImage(t)
	file := writeConfig(t)
	flags := []string{"--config", file, "--image", oldImage, "--tag", "oh-live/migrate:new", "--apply"}
	if deps := os.Getenv("OH_DEPS_IMAGE"); deps != "" {
		flags = append(flags, "--deps-image", deps)
	}
	m, stderr, err := runMigrate(t, flags...)
	if err != nil {
		t.Fatalf("%v\n%s%+v", err, stderr, m.Verified)
	}
	for _, row := range m.ExtraDeps {
		if row.Effect != migrate.Same {
			t.Errorf("%+v", row)
		}
	}
	if m.OldHealth == nil || m.OldHealth.Status != payload.StatusOK {
		t.Errorf("the old image: %+v", m.OldHealth)
	}
	if m.Old == nil || m.New == nil || m.Old.Bytes == 0 || m.New.Bytes <= m.Old.Bytes || m.Old.StartSeconds == 0 || m.New.StartSeconds == 0 {
		t.Errorf("measured %+v and %+v", m.Old, m.New)
	}
	proofs := map[string]int{}
	for _, f := range m.Verified.Findings {
		if f.Status != payload.StatusOK {
			t.Errorf("%+v", f)
		}
		if rest, ok := strings.CutPrefix(f.Check, "proof of "); ok {
			_, account, _ := strings.Cut(rest, ", ")
			proofs[account]++
		}
	}
	if len(proofs) != 2 || proofs["user openhands"] < 5 || proofs["user openhands"] != proofs["user ID 12345:0"] {
		t.Errorf("proofs by account: %v", proofs)
	}
	equal(t, docker(t, "run", "--rm", "--entrypoint", "cat", "oh-live/migrate:new", "/opt/tool/state"), "made")
	contains(t, readText(t, file), "base_container_image = \"alpine:3.20\" # stays\n")
	contains(t, readText(t, file), "runtime_container_image = \""+m.New.Image+"\"\n")
	equal(t, readText(t, m.Backup), oldConfig)

	docker(t, "openhands", "migrate", "--config", file, "--undo")
	equal(t, readText(t, file), oldConfig)
}

// TestMigrateRefuses has every reason not to switch; nothing is written.
func TestMigrateRefuses(t *testing.T) {
	loadOldImage(t)
	loadSmallDeps(t, lab.Engine{})
	small := []string{"--deps-image", smallDeps, "--image", oldImage, "--apply"}
	for _, test := range []struct {
		name  string
		flags []string
	}{
		{"extra dependencies for another base", []string{"--extra-deps", "apt-get update && apt-get install -y ffmpeg"}},
		{"another platform", []string{"--platform", map[string]string{"amd64": "linux/arm64", "arm64": "linux/amd64"}[runtime.GOARCH]}},
		{"an image that does not pass", []string{"--extra-deps", ""}}, // its server is not there
	} {
		t.Run(test.name, func(t *testing.T) {
			file := writeConfig(t)
			_, stderr, err := runMigrate(t, slices.Concat(small, test.flags, []string{"--config", file})...)
			checkProblem(t, err, stderr, problem.NotMigrated)
			equal(t, readText(t, file), oldConfig)
			if _, err := os.Stat(file + ".before-migrate"); !os.IsNotExist(err) {
				t.Errorf("there is a backup: %v", err)
			}
		})
	}
	t.Run("nothing to take back", func(t *testing.T) {
		var stderr bytes.Buffer
		cmd := lab.Engine{}.Command(t.Context(), "openhands", "migrate", "--config", writeConfig(t), "--undo")
		cmd.Stderr = &stderr
		checkProblem(t, cmd.Run(), stderr.String(), problem.NotMigrated)
	})
	t.Run("dry run builds nothing", func(t *testing.T) {
		before := holdings(t, lab.Engine{})
		m, stderr, err := runMigrate(t, "--deps-image", smallDeps, "--image", oldImage, "--config", writeConfig(t), "--dry-run")
		if err != nil || m.Base != "alpine:3.20" || len(m.Comparison) < 10 || m.New != nil {
			t.Errorf("%+v, %v\n%s", m, err, stderr)
		}
		if diff := cmp.Diff(before, holdings(t, lab.Engine{})); diff != "" {
			t.Errorf("the engine before (-) and after (+):\n%s", diff)
		}
	})
}
