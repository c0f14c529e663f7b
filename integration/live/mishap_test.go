package live

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// TestMishaps gives the plugin what it cannot work with. Each time it must
// end with one paragraph that has a code and says what to do, and leave
// nothing behind.
func TestMishaps(t *testing.T) {
	loadSmallDeps(t, lab.Engine{})
	const otherArch, unlabelled, noManifest = "oh-live/mishaps:other-arch", "oh-live/mishaps:unlabelled", "oh-live/mishaps:no-manifest"
	arch := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	file := layer(t, []entry{{name: "/openhands/readme", mode: 0o644, data: []byte("not a payload\n")}})
	load(t, lab.Engine{}, unlabelled, v1.Config{}, runtime.GOARCH, file)
	load(t, lab.Engine{}, noManifest, v1.Config{Labels: map[string]string{payload.LabelKind: payload.KindDeps}}, runtime.GOARCH, file)
	load(t, lab.Engine{}, otherArch, v1.Config{Cmd: []string{"sh"}}, arch, archiveLayer(t, "alpine:3.20", arch))

	withoutBuildx := onlyOurPlugin(t)
	tests := []struct {
		name string
		code problem.Code
		env  string
		args []string
	}{
		{name: "malformed reference", code: problem.Reference, args: []string{"build", "--base", "Alpine:3:20", "--deps-image", smallDeps}},
		{name: "no base", code: problem.Usage, args: []string{"build", "--deps-image", smallDeps}},
		{name: "unknown flag", code: problem.Usage, args: []string{"build", "--bases", "alpine:3.20"}},
		{name: "unknown component", code: problem.Usage, args: []string{"build", "--base", "alpine:3.20", "--without", "no-such-component"}},
		{name: "unknown image", code: problem.NotFound, args: []string{"build", "--base", "oh-live/no-such-image:1", "--deps-image", smallDeps}},
		{name: "unknown deps image", code: problem.NotFound, args: []string{"build", "--base", "alpine:3.20", "--deps-image", "oh-live/no-such-deps:1"}},
		{name: "base of another architecture", code: problem.Platform, args: []string{"build", "--base", otherArch, "--deps-image", smallDeps}},
		{name: "deps image without label", code: problem.NotDeps, args: []string{"build", "--base", "alpine:3.20", "--deps-image", unlabelled}},
		{name: "deps image without manifest", code: problem.NotDeps, args: []string{"build", "--base", "alpine:3.20", "--deps-image", noManifest}},
		{name: "no engine", code: problem.NoEngine, env: "DOCKER_HOST=unix:///nonexistent/docker.sock", args: []string{"build", "--base", "alpine:3.20", "--deps-image", smallDeps}},
		{name: "no buildx", code: problem.NoBuildx, env: "DOCKER_CONFIG=" + withoutBuildx, args: []string{"deps", "build", "--force-rebuild"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := holdings(t, lab.Engine{})
			cmd := withoutSystemPlugins(t.Context(), append([]string{"docker", "openhands"}, test.args...)...)
			if test.env != "" {
				cmd.Env = append(os.Environ(), test.env)
			}
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			checkProblem(t, cmd.Run(), stderr.String(), test.code)
			if diff := cmp.Diff(before, holdings(t, lab.Engine{})); diff != "" {
				t.Errorf("the engine before (-) and after (+):\n%s", diff)
			}
		})
	}
}

// TestFailureHidesNoOther has the first of two bases fail: the image over the
// second is there, and both are told of.
func TestFailureHidesNoOther(t *testing.T) {
	loadSmallDeps(t, lab.Engine{})
	const base, taken, repository = "alpine:3.20", "oh-live/finished:taken", "oh-live/finished"
	load(t, lab.Engine{}, taken, v1.Config{}, runtime.GOARCH, layer(t, []entry{{name: "/openhands/own", mode: 0o644, data: []byte("mine\n")}}))
	file := filepath.Join(t.TempDir(), "images.json")
	cmd := lab.Engine{}.Command(t.Context(), "openhands", "build", "--base", taken, "--base", base, "--layer-order", "payload-first",
		"--deps-image", smallDeps, "--repository", repository, "--metadata-file", file, "--json", "--progress", "quiet")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	checkProblem(t, cmd.Run(), stderr.String(), problem.BaseConflict)
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for place, text := range map[string][]byte{"the list": stdout.Bytes(), "the file": written} {
		var report struct {
			Images []struct {
				Base, ID   string
				References []string
				Error      struct{ Code problem.Code }
			}
		}
		if err := json.Unmarshal(text, &report); err != nil || len(report.Images) != 3 || report.Images[1].Error.Code != problem.BaseConflict || report.Images[2].Base != base {
			t.Fatalf("%s: %v in %s", place, err, text)
		}
		if made := report.Images[2]; id(t, made.References[0]) != made.ID {
			t.Errorf("%s: no image is %+v", place, made)
		}
	}
	cleanup(t, lab.Engine{}, "rmi", docker(t, "images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference="+repository+":oh_v*"))
}

// checkProblem wants a failure that is told once, with its code: a person in one
// paragraph, a program in the last line.
func checkProblem(t *testing.T, err error, stderr string, code problem.Code) {
	t.Helper()
	if got, want := exitStatus(err), code.Status(); got != want {
		t.Errorf("exit status %d, want %d", got, want)
	}
	told := strings.TrimSuffix(strings.TrimSpace(stderr), "\nMore: docker openhands explain "+string(code))
	last := told[strings.LastIndex(told, "\n")+1:]
	if paragraph := strings.LastIndex(told, "\n\n"); !strings.HasPrefix(last, "{") {
		last = told[max(0, paragraph):]
	}
	t.Log(last)
	if !regexp.MustCompile(`(?m)^`+string(code)+`: .*[.?]$|^{"schemaVersion":1,"error":{"code":"`+string(code)+`",.*}}$`).MatchString(last) || strings.Count(told, "OH-0") != 1 {
		t.Errorf("not told once with the code %s:\n%s", code, stderr)
	}
}

// holdings are the images, names and containers of an engine, sorted.
func holdings(t *testing.T, engine lab.Engine) []string {
	t.Helper()
	images, err := engine.Docker(t.Context(), "images", "--all", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}")
	if err != nil {
		t.Fatal(err)
	}
	containers, err := engine.Docker(t.Context(), "ps", "--all", "--quiet")
	if err != nil {
		t.Fatal(err)
	}
	all := append(strings.Split(images, "\n"), strings.Split(containers, "\n")...)
	slices.Sort(all) // the engine's order changes from call to call
	return all
}

// onlyOurPlugin is a configuration of docker with no plugin but the project's.
func onlyOurPlugin(t *testing.T) string {
	t.Helper()
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	config := os.Getenv("DOCKER_CONFIG")
	if config == "" {
		config = filepath.Join(home, ".docker")
	}
	const plugin = "cli-plugins/docker-openhands"
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "cli-plugins"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(config, plugin), filepath.Join(dir, plugin)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// withoutSystemPlugins returns a command that sees no docker plugin installed
// for all users of the machine.
func withoutSystemPlugins(ctx context.Context, argv ...string) *exec.Cmd {
	const hide = `for dir in /usr/local/lib /usr/local/libexec /usr/lib /usr/libexec; do
		if [ -d $dir/docker/cli-plugins ]; then mount -t tmpfs none $dir/docker/cli-plugins || exit 99; fi
	done; exec "$@"`
	return exec.CommandContext(ctx, "unshare", append([]string{"--mount", "sh", "-c", hide, "sh"}, argv...)...)
}

// TestInterrupt ends a build of stage 1 as Ctrl-C does, while it is at work.
// The next one succeeds.
func TestInterrupt(t *testing.T) {
	small := append([]string{"openhands", "deps", "build", "--progress", "plain"}, leaveMost(t)...)
	before := holdings(t, lab.Engine{})
	cmd := lab.Engine{}.Command(t.Context(), append(small, "--no-cache", "--force-rebuild")...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var output lockedBuffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	// A step is under way once it prints something.
	step := regexp.MustCompile(`(?m)^#\d+ \d+\.\d+ `)
	err := lab.WaitFor(t.Context(), 2*time.Minute, "the first step", func(context.Context) bool {
		return step.MatchString(output.String())
	})
	if err != nil {
		t.Errorf("%v\n%s", err, output.String())
	}
	begin := time.Now()
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err = <-ended
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %s to stop", took)
	}
	text := output.String()
	checkProblem(t, err, text[max(0, strings.LastIndex(text, "\nOH-0")):], problem.Interrupted)
	if diff := cmp.Diff(before, holdings(t, lab.Engine{})); diff != "" {
		t.Errorf("the engine before (-) and after (+):\n%s", diff)
	}

	known := names(t)
	if out, err := (lab.Engine{}).Command(t.Context(), small...).CombinedOutput(); err != nil {
		t.Errorf("the next build: %v\n%s", err, out)
	}
	for _, name := range names(t) {
		if !slices.Contains(known, name) {
			cleanup(t, lab.Engine{}, "rmi", name)
		}
	}
}

// TestDiskFull assembles into an engine whose disk has no room left.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	const size = 96 << 20
	if err := syscall.Mount("none", data, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Fatal(err)
	}
	second, err := lab.NewSecondEngine(dir)
	if err != nil {
		t.Fatal(err)
	}
	startSecond(t, second) // its end unmounts the disk
	loadSmallDeps(t, second.Engine)
	transfer(t, second.Engine, "alpine:3.20")
	before := holdings(t, second.Engine)

	command := []string{"openhands", "build", "--base", "alpine:3.20", "--tag", "oh-live/full:1", "--load", "--deps-image", smallDeps, "--progress", "quiet"}
	// Too little to begin, and not enough to unpack Alpine over the payload.
	for _, free := range []uint64{16 << 10, 3 << 20} {
		t.Run(fmt.Sprintf("%d KiB free", free>>10), func(t *testing.T) {
			filler := filepath.Join(data, "filler")
			fill(t, filler, free)
			cmd := second.Command(t.Context(), command...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			checkProblem(t, cmd.Run(), stderr.String(), problem.DiskFull)
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, holdings(t, second.Engine)); diff != "" {
				t.Errorf("the engine before (-) and after (+):\n%s", diff)
			}
		})
	}
	if out, err := second.Command(t.Context(), command...).CombinedOutput(); err != nil {
		t.Errorf("with room again: %v\n%s", err, out)
	}
}

// fill writes a file until all but free bytes of its disk are used.
func fill(t *testing.T, path string, free uint64) {
	t.Helper()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &disk); err != nil {
		t.Fatal(err)
	}
	size := disk.Bavail * uint64(disk.Bsize)
	if size <= free {
		t.Fatalf("only %d bytes of the disk are free", size)
	}
	if err := os.WriteFile(path, make([]byte, size-free), 0o600); err != nil {
		t.Fatal(err)
	}
}
