package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// badInput is a command that cannot work.
type badInput struct {
	name   string
	code   problem.Code
	says   string   // regular expression, found in the paragraph
	args   []string // of docker openhands
	env    []string
	mounts string // shell commands run first, as root of mounts of its own
}

// TestBadInput gives the plugin what it cannot work with and only an engine
// or a registry tells. Each time it must end in time, with one paragraph that
// has a code and says what to do, and leave nothing behind.
func TestBadInput(t *testing.T) {
	loadSmallDeps(t, lab.Engine{})
	registry := startFaultyRegistry(t)
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	over := func(base string, flags ...string) []string {
		return append([]string{"build", "--base", base, "--deps-image", smallDeps, "--progress", "plain"}, flags...)
	}
	from := func(fault string) []string { return over(registry.host + "/" + fault + "/x:1") }
	stage1 := append([]string{"deps", "build"}, leaveMost(t)...)
	// Work folders are in the cache, or else among the temporary files.
	disks := func(option string) string {
		return fmt.Sprintf(`for dir in "$TMPDIR" "$XDG_CACHE_HOME"; do mount -t tmpfs -o %s none "$dir"; done`, option)
	}
	const full, readOnly = "nr_inodes=1", "ro"
	extra := over("alpine:3.20", "--extra-deps", "true")
	release := []string{"tags", "--mode", "traditional", "--base", "alpine:3.20"}
	pip := func(fault string) []string {
		return []string{"PIP_INDEX_URL=http://" + registry.host + "/" + fault + "/simple", "PIP_RETRIES=0", "PIP_DEFAULT_TIMEOUT=1"}
	}

	tests := []badInput{
		{name: "registry answers 401", code: problem.RegistryDenied, says: "unauthorized|no basic auth", args: from("401")},
		{name: "registry answers 403", code: problem.RegistryDenied, says: "denied", args: from("403")},
		{name: "registry answers 404", code: problem.NotFound, says: "manifest unknown|not found", args: from("404")},
		{name: "registry answers 429", code: problem.RegistryLimit, says: "(?i)toomanyrequests|429", args: from("429")},
		{name: "registry answers 500", code: problem.RegistryFailed, says: "500", args: from("500")},
		{name: "registry answers 503", code: problem.RegistryFailed, says: "503", args: from("503")},
		{name: "registry cuts the connection", code: problem.RegistryFailed, says: "EOF|reset", args: from(faultCut)},
		{name: "registry is no registry", code: problem.RegistryFailed, args: from(faultGarbage)},
		{name: "registry says nothing", code: problem.RegistryFailed, says: "nothing was heard of it for 2s", args: from(faultHang), env: []string{"OH_PULL_SILENCE=2s"}},
		{name: "registry stops halfway", code: problem.RegistryFailed, says: "nothing was heard of it for 2s",
			args: over(registry.push(t, faultHalfway+"/x", runtime.GOARCH)), env: []string{"OH_PULL_SILENCE=2s"}},
		{name: "registry has another platform", code: problem.Platform, args: over(registry.push(t, faultNone+"/x", other))},
		{name: "registry lacks the deps image", code: problem.NotFound, args: []string{"build", "--base", "alpine:3.20", "--deps-image", registry.host + "/404/deps:1"}},
		{name: "registry lacks the image to run", code: problem.NotFound, args: []string{"run", registry.host + "/404/x:1"}},
		{name: "nothing listens", code: problem.RegistryFailed, says: "refused", args: over("localhost:1/x:1")},
		{name: "certificate has expired", code: problem.BadCertificate, says: "expired", args: over(startExpiredRegistry(t) + "/x:1")},
		{name: "nothing may be pulled", code: problem.NotFound, says: "nothing is to be pulled", args: over(registry.host+"/none/y:1", "--offline")},
		{name: "patience is no time", code: problem.Usage, says: "OH_PULL_SILENCE", args: from("404"), env: []string{"OH_PULL_SILENCE=long"}},
		{name: "credential helper missing", code: problem.RegistryDenied, says: "docker-credential-none", args: from("404"),
			env: []string{"DOCKER_CONFIG=" + dockerConfig(t, `{"credsStore":"none"}`, "")}},

		{name: "base is a runtime image", code: problem.BaseConflict, says: "made over: alpine:3.20", args: over(labelled(t, "runtime", payload.KindRuntime, nil, runtime.GOARCH))},
		{name: "base is a deps image", code: problem.BaseConflict, says: "--deps-image", args: over(smallDeps)},
		{name: "deps image is a runtime image", code: problem.NotDeps, args: withDeps("oh-live/bad-input:runtime")},
		{name: "deps image of another architecture", code: problem.Platform, args: withDeps(labelled(t, "arch", payload.KindDeps, manifestOf(t, payload.SchemaVersion), other))},
		{name: "deps image of another schema", code: problem.NotDeps, says: "schema version 999", args: withDeps(labelled(t, "schema", payload.KindDeps, manifestOf(t, 999), runtime.GOARCH))},
		{name: "deps image with a broken manifest", code: problem.NotDeps, says: "manifest.json", args: withDeps(labelled(t, "broken", payload.KindDeps, []byte("{"), runtime.GOARCH))},
		{name: "platform that the engine has not", code: problem.Platform, args: over("alpine:3.20", "--platform", "linux/"+other)},

		{name: "extra dependencies fail", code: problem.BuildFailed, says: "exit code: 3", args: over("alpine:3.20", "--extra-deps", "exit 3")},
		{name: "extra dependencies are unknown", code: problem.BuildFailed, says: "127", args: over("alpine:3.20", "--extra-deps", "no-such-command")},
		{name: "Dockerfile form fails", code: problem.BuildFailed, args: over("alpine:3.20", "--assemble", "never", "--extra-deps", "exit 3")},
		{name: "Dockerfile of the template is wrong", code: problem.BuildFailed, says: "(?i)unknown instruction",
			args: []string{"build", "--mode", "traditional", "--base", "alpine:3.20", "--source", badTemplate(t)}},
		{name: "builder does not exist", code: problem.NoBuildx, says: `no builder "none"`, env: []string{"BUILDX_BUILDER=none"},
			args: append(slices.Clone(stage1), "--force-rebuild")},
		{name: "builder base does not exist", code: problem.BuildFailed, args: append(slices.Clone(stage1), "--builder-base", registry.host+"/404/debian:1")},
		{name: "buildx is no program", code: problem.NoBuildx, says: "does not work|missing", args: extra, mounts: hidePlugins,
			env: []string{"DOCKER_CONFIG=" + dockerConfig(t, "{}", "no program")}},
		{name: "buildx is too old", code: problem.NoBuildx, says: "too old", args: extra, mounts: hidePlugins,
			env: []string{"DOCKER_CONFIG=" + dockerConfig(t, "{}", oldBuildx)}},

		{name: "buildx cannot keep its state", code: problem.NotWritable, says: "BUILDX_CONFIG", args: extra,
			env:    []string{"BUILDX_CONFIG=/mnt"},
			mounts: "mount -t tmpfs -o ro none /mnt"},
		{name: "disk full", code: problem.DiskFull, says: "of this machine", args: extra, mounts: disks(full)},
		{name: "disk full, traditional", code: problem.DiskFull, says: "of this machine", mounts: disks(full),
			args: []string{"build", "--mode", "traditional", "--base", "alpine:3.20", "--source", traditionalSource(t)}},
		{name: "disk full, sources of a release", code: problem.DiskFull, says: "of this machine", args: release, mounts: disks(full)},
		{name: "disk read-only", code: problem.NotWritable, args: extra, mounts: disks(readOnly)},
		{name: "disk read-only, sources of a release", code: problem.NotWritable, args: release, mounts: disks(readOnly)},
		{name: "folder of temporary files missing", code: problem.NotWritable, args: extra, mounts: disks(readOnly) + "; export TMPDIR=$TMPDIR/none"},
		{name: "metadata on a read-only disk", code: problem.NotWritable, says: "read-only file system", args: over("alpine:3.20", "--metadata-file", "/mnt/x.json"),
			mounts: "mount -t tmpfs -o ro none /mnt"},

		{name: "index answers 404", code: problem.NoRelease, args: release, env: pip("404")},
		{name: "index answers 500", code: problem.NoRelease, args: release, env: pip("500")},
		{name: "index says nothing", code: problem.NoRelease, args: release, env: pip(faultHang)},

		{name: "image to run is none of ours", code: problem.Usage, says: "--base alpine:3.20", args: []string{"run", "alpine:3.20"}},
		{name: "server is not there", code: problem.ServerDied, args: []string{"run", "oh-live/bad-input:runtime"}},
		{name: "port in use", code: problem.PortTaken, says: "--port", args: []string{"run", "--port", portInUse(t), "oh-live/bad-input:runtime"}},
		{name: "engine says nothing", code: problem.NoEngine, says: "said nothing for", args: over("alpine:3.20"), env: []string{"DOCKER_HOST=unix://" + silentSocket(t)}},
	}
	table := new(strings.Builder)
	columns := tabwriter.NewWriter(table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "CASE\tCODE\tSTATUS\tSECONDS\tTEXT")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, seconds, said := test.run(t)
			fmt.Fprintf(columns, "%s\t%s\t%d\t%.1f\t%s\n", test.name, test.code, status, seconds, said)
		})
	}
	if err := columns.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("every bad input and its answer:\n%s", table)
}

// badInputLimit is how long any case may take.
const badInputLimit = 50 * time.Second

// run runs the command and returns its exit status, its time and its error.
func (test badInput) run(t *testing.T) (status int, seconds float64, said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), badInputLimit)
	defer cancel()
	temporary, cache := t.TempDir(), t.TempDir()
	before := holdings(t, lab.Engine{})
	script := "set -e\n" + test.mounts + "\nexec \"$@\""
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"--mount", "sh", "-c", script, "sh", "docker", "openhands"}, test.args...)...)
	cmd.Env = append(append(os.Environ(), "TMPDIR="+temporary, "XDG_CACHE_HOME="+cache, "OH_RUNTIME_RUNTIME_IMAGE_REPO=localhost:1/oh-live/bad-input"), test.env...)
	cmd.WaitDelay = time.Second // the plugin outlives a docker command that is killed
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	start := time.Now()
	err := cmd.Run()
	seconds = time.Since(start).Seconds()
	if ctx.Err() != nil {
		t.Errorf("it is not done after %s", badInputLimit)
	}
	said = checkParagraph(t, err, stderr.String(), test.code)
	if !regexp.MustCompile(test.says).MatchString(said) {
		t.Errorf("want %q in: %s", test.says, said)
	}
	if diff := cmp.Diff(before, holdings(t, lab.Engine{})); diff != "" {
		t.Errorf("the engine before (-) and after (+):\n%s", diff)
	}
	left, err := os.ReadDir(temporary)
	if err != nil || len(left) > 0 {
		t.Errorf("the folder of temporary files holds %v, %v", left, err)
	}
	return cmd.ProcessState.ExitCode(), seconds, said
}

// checkParagraph wants the failure that a code stands for, told in one last
// paragraph with a way out. It returns that paragraph on one line.
func checkParagraph(t *testing.T, err error, stderr string, code problem.Code) string {
	t.Helper()
	var exit *exec.ExitError
	if want := problem.ExitStatus(&problem.Error{Code: code}); !errors.As(err, &exit) || exit.ExitCode() != want {
		t.Errorf("it ended with %v, want status %d", err, want)
	}
	starts := regexp.MustCompile(`(?m)^OH-\d{3}: `).FindAllStringIndex(stderr, -1)
	if len(starts) != 1 {
		t.Fatalf("no single code:\n%s", stderr)
	}
	said := strings.TrimSuffix(stderr[starts[0][0]:], "\n")
	said = strings.TrimSuffix(said, "\nMore: docker openhands explain "+string(code))
	if !strings.HasPrefix(said, string(code)) {
		t.Errorf("want %s: %s", code, said)
	}
	if strings.Contains(said, "\n\n") || !strings.HasSuffix(said, ".") || !strings.Contains(said, ". ") {
		t.Errorf("no paragraph of sentences:\n%s", said)
	}
	return strings.Join(strings.Fields(said), " ")
}

func withDeps(ref string) []string {
	return []string{"build", "--base", "alpine:3.20", "--deps-image", ref}
}

// labelled is an image that says it is of a kind, with a manifest unless it is
// nil.
func labelled(t *testing.T, tag, kind string, manifest []byte, arch string) (ref string) {
	t.Helper()
	ref = "oh-live/bad-input:" + tag
	files := []entry{{name: "/openhands/readme", mode: 0o644, data: []byte("not a payload\n")}}
	if manifest != nil {
		files = append(files, entry{name: payload.ManifestFile, mode: 0o644, data: manifest})
	}
	load(t, lab.Engine{}, ref, v1.Config{Cmd: []string{"none"}, Labels: map[string]string{
		payload.LabelKind: kind, payload.LabelBaseName: "alpine:3.20", payload.LabelServer: "action-execution-server",
	}}, arch, layer(t, files))
	return ref
}

func manifestOf(t *testing.T, schema int) []byte {
	t.Helper()
	data, err := json.Marshal(payload.Manifest{SchemaVersion: schema, Architecture: runtime.GOARCH})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// hidePlugins hides the plugins that are installed for all users.
const hidePlugins = `for dir in /usr/local/lib /usr/local/libexec /usr/lib /usr/libexec; do
	if [ -d $dir/docker/cli-plugins ]; then mount -t tmpfs none $dir/docker/cli-plugins; fi
done`

// oldBuildx answers as versions did that knew no rawjson.
const oldBuildx = `#!/bin/sh
case "$*" in
docker-cli-plugin-metadata) echo '{"SchemaVersion":"0.1.0","Vendor":"Docker Inc.","Version":"v0.9.1"}' ;;
*--help) echo '--progress string  Set type of progress output ("auto", "plain", "tty")' ;;
*) echo 'ERROR: invalid progress mode rawjson' >&2; exit 1 ;;
esac
`

// dockerConfig is a configuration of docker with the project's plugin, and
// with buildx, which may be another than the real one.
func dockerConfig(t *testing.T, config, buildx string) (dir string) {
	t.Helper()
	dir = onlyOurPlugin(t)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if buildx != "" {
		if err := os.WriteFile(filepath.Join(dir, "cli-plugins", "docker-buildx"), []byte(buildx), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// badTemplate are sources whose template comes to no Dockerfile.
func badTemplate(t *testing.T) (source string) {
	t.Helper()
	source = traditionalSource(t)
	template := filepath.Join(source, "openhands/runtime/utils/runtime_templates/Dockerfile.j2")
	if err := os.WriteFile(template, []byte("FROM {{ base_image }}\nJUMP\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return source
}

func portInUse(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// silentSocket takes connections and never answers.
func silentSocket(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "docker.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return path
}
