package live

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document/documenttest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
)

// verifyImage runs the check of an image and returns its report, what it said
// of a failure, and how it ended.
func verifyImage(t *testing.T, image string, flags ...string) (report verify.Report, stderr string, err error) {
	t.Helper()
	cmd := lab.Engine{}.Command(t.Context(), append([]string{"openhands", "verify", "--json", image}, flags...)...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err = cmd.Run()
	if decodeErr := json.Unmarshal(out.Bytes(), &report); decodeErr != nil {
		t.Fatalf("%v in %q\n%s", decodeErr, &out, &complaint)
	}
	documenttest.Validate(t, "verify", out.Bytes())
	return report, complaint.String(), err
}

// faulty are steps on top of an image and what the check must say of each.
var faulty = []struct{ step, check, detail string }{
	{"COPY stray /openhands/libexec/stray", "seal", "/openhands/libexec/stray: interp: "},
	{"RUN rm /openhands/lib/libtinfo.so.6", "seal", "needed: libtinfo.so.6"},
	{"RUN rm /openhands/ssl/ca-certificates.crt", "paths", "/openhands/ssl/ca-certificates.crt is missing"},
	{"RUN chmod 600 /openhands/share/components/core.json", "modes", "/openhands/share/components/core.json: -rw------- "},
	{"RUN chmod 4755 /openhands/libexec/launchers/oh-tmux.json", "modes", "/openhands/libexec/launchers/oh-tmux.json: urwxr-xr-x "},
	{"RUN chown 1000:1000 /openhands/share/components/tmux.json", "ownership", "/openhands/share/components/tmux.json: belongs to 1000:1000"},
	{"ENV EDITOR=", "environment", "EDITOR is not set"},
	{"ENV PATH=/bin:/usr/bin", "environment", `PATH is "/bin:/usr/bin"`},
	{"ENTRYPOINT []", "start", "the entry point is []"},
	{"WORKDIR /tmp", "start", `the working directory is "/tmp"`},
	{"LABEL dev.openhands.version=9", "manifest", `but "9" in the image`},
}

// TestVerify looks at a sound image, then at one with everything wrong that a
// Dockerfile on top can do.
func TestVerify(t *testing.T) {
	image := build(t, "alpine:3.20")
	before := holdings(t, lab.Engine{})
	report, stderr, err := verifyImage(t, image)
	if err != nil || !report.Passed || report.Live {
		t.Errorf("%v\n%s", err, stderr)
	}
	for _, f := range report.Findings {
		if f.Status != payload.StatusOK {
			t.Errorf("%+v", f)
		}
	}
	if diff := cmp.Diff(before, holdings(t, lab.Engine{})); diff != "" {
		t.Errorf("the engine before (-) and after (+):\n%s", diff)
	}

	dir := t.TempDir()
	stray, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	lines := "FROM " + image + "\nUSER root\n"
	for _, fault := range faulty {
		lines += fault.step + "\n"
	}
	for name, data := range map[string]string{"stray": string(stray), "Dockerfile": lines} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const broken = "oh-live/verify:broken"
	docker(t, "buildx", "build", "--quiet", "--load", "--tag", broken, dir)
	cleanup(t, lab.Engine{}, "rmi", "--force", broken)
	before = holdings(t, lab.Engine{})
	report, stderr, err = verifyImage(t, broken)
	checkProblem(t, err, stderr, problem.NotVerified)
	for _, fault := range faulty {
		found := false
		for _, f := range report.Findings {
			found = found || f.Check == fault.check && f.Status == payload.StatusFailed && strings.Contains(f.Detail, fault.detail) && f.Cure != ""
		}
		if !found {
			t.Errorf("%s: %s does not find it", fault.step, fault.check)
		}
	}
	if t.Failed() {
		t.Logf("%+v", report.Findings)
	}
	if diff := cmp.Diff(before, holdings(t, lab.Engine{})); diff != "" {
		t.Errorf("the engine before (-) and after (+):\n%s", diff)
	}
}

// TestVerifyRunsNothing looks at an image that would have the engine run a
// program of its own beside whatever is started: nothing is.
func TestVerifyRunsNothing(t *testing.T) {
	const image = "oh-live/verify:hostile"
	dir := t.TempDir()
	lines := "FROM busybox:musl\nRUN mkdir -p /openhands/many && cd /openhands/many && seq 20000 | xargs touch && echo '{}' > /openhands/manifest.json\n" +
		"LABEL " + payload.LabelKind + "=" + payload.KindRuntime + "\nVOLUME /openhands\nENTRYPOINT [\"/bin/true\"]\nHEALTHCHECK --interval=1ms CMD [\"/bin/true\"]\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	docker(t, "buildx", "build", "--quiet", "--load", "--tag", image, dir)
	cleanup(t, lab.Engine{}, "rmi", "--force", image)
	id := strings.TrimSpace(docker(t, "image", "inspect", "--format", "{{.Id}}", image))
	before := holdings(t, lab.Engine{})
	start := time.Now()
	_, stderr, err := verifyImage(t, image)
	checkProblem(t, err, stderr, problem.NotVerified)
	events := docker(t, "events", "--since", start.Format(time.RFC3339Nano), "--until", time.Now().Format(time.RFC3339Nano),
		"--filter", "type=container", "--filter", "image="+id, "--format", "{{.Action}}")
	if got, want := strings.Fields(events), []string{"create", "archive-path", "destroy"}; !slices.Equal(got, want) {
		t.Errorf("the engine did %q, want %q", got, want)
	}
	if diff := cmp.Diff(before, holdings(t, lab.Engine{})); diff != "" {
		t.Errorf("the engine before (-) and after (+):\n%s", diff)
	}
}

// TestVerifyDead starts a server that is not there: both starts are found
// fault with, and nothing of them stays behind.
func TestVerifyDead(t *testing.T) {
	loadSmallDeps(t, lab.Engine{})
	image := build(t, "alpine:3.20", "--deps-image", smallDeps)
	before := holdings(t, lab.Engine{})
	report, stderr, err := verifyImage(t, image, "--live", "--progress", "quiet")
	checkProblem(t, err, stderr, problem.NotVerified)
	failed := map[string]bool{}
	for _, f := range report.Findings {
		failed[f.Check] = f.Status == payload.StatusFailed
	}
	for _, check := range []string{"server, user openhands", "server, user ID 12345:0", "paths", "seal"} {
		if !failed[check] {
			t.Errorf("%q is not found fault with: %+v", check, report.Findings)
		}
	}
	if diff := cmp.Diff(before, holdings(t, lab.Engine{})); diff != "" {
		t.Errorf("the engine before (-) and after (+):\n%s", diff)
	}
}

// TestVerifyAllows finds a component of a user's sealed where its build did:
// with the exceptions that it asks for, which the payload records.
func TestVerifyAllows(t *testing.T) {
	component := filepath.Join(t.TempDir(), "outside")
	if err := os.Mkdir(component, 0o755); err != nil {
		t.Fatal(err)
	}
	const recipe = `description = "a link that leads outside"
proof = ["/openhands/bin/oh-init", "--help"]
allow = ["/openhands/share/outside: the base has what it leads to"]

[[links]]
path = "/openhands/share/outside"
target = "/usr/share/outside"
`
	if err := os.WriteFile(filepath.Join(component, "component.toml"), []byte(recipe), 0o644); err != nil {
		t.Fatal(err)
	}
	image := build(t, "alpine:3.20", append(leaveMost(t), "--component-dir", component)...)
	const altered = "oh-live/verify:altered"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM "+image+"\nUSER root\nRUN rm /openhands/share/allow.txt\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	docker(t, "buildx", "build", "--quiet", "--load", "--tag", altered, dir)
	cleanup(t, lab.Engine{}, "rmi", "--force", altered)
	for ref, want := range map[string]payload.Status{image: payload.StatusOK, altered: payload.StatusFailed} {
		report, stderr, _ := verifyImage(t, ref) // the payload lacks a server
		i := slices.IndexFunc(report.Findings, func(f payload.Finding) bool { return f.Check == "seal" })
		if i < 0 {
			t.Fatalf("%s: the seal is not checked: %+v\n%s", ref, report.Findings, stderr)
		}
		if f := report.Findings[i]; f.Status != want {
			t.Errorf("%s: %+v, want %s", ref, f, want)
		}
	}
}
