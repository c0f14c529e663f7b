package live

import (
	"bytes"
	"encoding/json"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document/documenttest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// runtimeBuild builds over one base from the small deps image. The names that
// it gave are taken away at the test's end.
func runtimeBuild(t *testing.T, base string, flags ...string) (image, id string, reused bool, log string) {
	t.Helper()
	cmd := lab.Engine{}.Command(t.Context(), append([]string{"openhands", "build", "--base", base, "--deps-image", smallDeps, "--json", "--progress", "plain"}, flags...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var report struct {
		Images []struct {
			References []string
			ID         string
			Reused     bool
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil || len(report.Images) != 2 {
		t.Fatalf("%v in %s", err, &stdout)
	}
	documenttest.Validate(t, "images", stdout.Bytes())
	made := report.Images[1]
	if !made.Reused {
		cleanup(t, lab.Engine{}, "rmi", "--force", made.ID)
	}
	return made.References[0], made.ID, made.Reused, stderr.String()
}

// smallBase is an image of the test's own, so that its tags are, too.
func smallBase(t *testing.T, content string) string {
	t.Helper()
	ref := "oh-live/" + slug(t.Name()) + ":base"
	load(t, lab.Engine{}, ref, v1.Config{}, engineArch(t), layer(t, []entry{{name: "/etc/base", mode: 0o644, data: []byte(content)}}))
	return ref
}

func engineArch(t *testing.T) string {
	t.Helper()
	return docker(t, "version", "--format", "{{.Server.Arch}}")
}

// TestReuse makes an image with other choices, which have names of their own, and
// over another base, which takes the name of the image before.
func TestReuse(t *testing.T) {
	loadSmallDeps(t, lab.Engine{})
	base := smallBase(t, "one")
	image, first, reused, _ := runtimeBuild(t, base, "--offline")
	if reused {
		t.Fatalf("%s was there before", image)
	}
	if _, id, reused, log := runtimeBuild(t, base, "--offline"); !reused || id != first {
		t.Errorf("the same again gives %s, not %s:\n%s", id, first, log)
	}
	names := map[string]bool{image: true}
	for _, flags := range [][]string{{"--user", "agent:2000"}, {"--user", "agent:2000", "--no-sudo"}, {"--layer-order", "base-first"}} {
		other, id, reused, log := runtimeBuild(t, base, append(flags, "--offline")...)
		if names[other] || !strings.HasPrefix(other, image+"_") || reused || id == first || strings.Contains(log, "is made again") {
			t.Errorf("%q: %s is %s, beside %s; reused: %v\n%s", flags, other, id, first, reused, log)
		}
		names[other] = true
	}
	if _, id, reused, log := runtimeBuild(t, base, "--offline"); !reused || id != first {
		t.Errorf("the first again gives %s, not %s:\n%s", id, first, log)
	}
	cleanup(t, lab.Engine{}, "rmi", "--force", id(t, base)) // loses its name below
	smallBase(t, "two")
	_, _, reused, log := runtimeBuild(t, base, "--offline")
	contains(t, log, "another base (sha256:")
	if reused {
		t.Error("an image over the former base is reused")
	}
}

// TestReuseFromRegistry takes an image that only a registry has, unless it was
// made from something else.
func TestReuseFromRegistry(t *testing.T) {
	registry, err := lab.StartRegistry(t.Context(), t.TempDir(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.Stop)
	loadSmallDeps(t, lab.Engine{})
	base := smallBase(t, "one")
	repository := registry.Host + "/oh-live/reuse"
	image, made, _, _ := runtimeBuild(t, base, "--repository", repository)
	if !strings.HasPrefix(image, repository+":oh_v") {
		t.Fatalf("the image is %s", image)
	}
	docker(t, "push", "--quiet", image)
	forget := func() { docker(t, "rmi", "--force", image) }

	forget()
	t.Setenv("OH_RUNTIME_RUNTIME_IMAGE_REPO", repository)
	if again, id, reused, log := runtimeBuild(t, base); again != image || !reused || id != made {
		t.Errorf("%s is %s instead of %s from the registry:\n%s", again, id, made, log)
	}
	forget()
	if _, _, reused, log := runtimeBuild(t, base, "--pull", "never"); reused {
		t.Errorf("it was pulled:\n%s", log)
	}
	forget()
	cleanup(t, lab.Engine{}, "rmi", "--force", id(t, base)) // loses its name
	smallBase(t, "two")
	_, _, reused, log := runtimeBuild(t, base)
	contains(t, log, "of the registry has another base (sha256:")
	if reused {
		t.Error("an image over another base is used")
	}
	cleanup(t, lab.Engine{}, "rmi", "--force", id(t, base))
	smallBase(t, "one")
	// The registry's image fits again, the engine's does not.
	if _, id, reused, log := runtimeBuild(t, base); !reused || id != made {
		t.Errorf("it is %s instead of %s from the registry:\n%s", id, made, log)
	}
	if _, id, reused, log := runtimeBuild(t, base, "--pull", "always"); !reused || id != made || strings.Contains(log, "pulling image") {
		t.Errorf("it is %s instead of %s, which is up to date:\n%s", id, made, log)
	}
}

// TestSilentRegistry has a registry that takes connections and never answers,
// and one that is not there.
func TestSilentRegistry(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	loadSmallDeps(t, lab.Engine{})
	for name, host := range map[string]string{"silent": listener.Addr().String(), "none": "127.0.0.1:1"} {
		t.Run(name, func(t *testing.T) {
			one, two := smallBase(t, "one"), "scratch"
			start := time.Now()
			_, _, _, log := runtimeBuild(t, one, "--repository", host+"/oh-live/silent", "--pull", "always")
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %s:\n%s", took, log)
			}
			contains(t, log, "going on without the registry "+host)
			cmd := lab.Engine{}.Command(t.Context(), "openhands", "build", "--base", one, "--base", two, "--deps-image", smallDeps,
				"--repository", host+"/oh-live/silent", "--progress", "plain", "--pull", "always")
			start = time.Now()
			out, err := cmd.CombinedOutput()
			if err != nil || strings.Count(string(out), "going on without the registry "+host) != 1 || time.Since(start) > 10*time.Second {
				t.Errorf("two images take %s: %v\n%s", time.Since(start), err, out)
			}
			for _, ref := range regexp.MustCompile(regexp.QuoteMeta(host)+`/oh-live/silent:oh_v\S+_scratch_\S+`).FindAllString(string(out), 1) {
				cleanup(t, lab.Engine{}, "rmi", "--force", ref)
			}
		})
	}
}

// TestOffline wants what is not there.
func TestOffline(t *testing.T) {
	loadSmallDeps(t, lab.Engine{})
	for name, args := range map[string][]string{
		"base":       {"build", "--base", "oh-live/no-such-base:1", "--deps-image", smallDeps, "--offline"},
		"deps image": {"build", "--base", "scratch", "--repository", "oh-live/offline", "--offline"},
		"never":      {"build", "--base", "oh-live/no-such-base:1", "--deps-image", smallDeps, "--pull", "never"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := lab.Engine{}.Command(t.Context(), append([]string{"openhands"}, args...)...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			checkProblem(t, cmd.Run(), stderr.String(), problem.NotFound)
		})
	}
}

// TestConcurrentBuilds builds one tag from two terminals.
func TestConcurrentBuilds(t *testing.T) {
	loadSmallDeps(t, lab.Engine{})
	args := []string{"openhands", "build", "--base", "alpine:3.20", "--deps-image", smallDeps, "--repository", "oh-live/concurrent",
		"--offline", "--json", "--progress", "plain", "--extra-deps", "sleep 1"}
	type terminal struct {
		cmd    *exec.Cmd
		stdout bytes.Buffer
		stderr lockedBuffer
	}
	terminals := make([]*terminal, 2)
	for i := range terminals {
		terminals[i] = &terminal{cmd: lab.Engine{}.Command(t.Context(), args...)}
		terminals[i].cmd.Stdout, terminals[i].cmd.Stderr = &terminals[i].stdout, &terminals[i].stderr
		if err := terminals[i].cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	type result struct {
		ID     string
		Reused bool
	}
	var results []result
	logs := ""
	for _, terminal := range terminals {
		if err := terminal.cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, terminal.stderr.String())
		}
		var report struct{ Images []result }
		if err := json.Unmarshal(terminal.stdout.Bytes(), &report); err != nil || len(report.Images) != 2 {
			t.Fatalf("%v in %s", err, &terminal.stdout)
		}
		results = append(results, report.Images[1])
		logs += terminal.stderr.String()
	}
	cleanup(t, lab.Engine{}, "rmi", "--force", results[0].ID)
	if results[0].ID != results[1].ID || results[0].Reused == results[1].Reused {
		t.Errorf("the terminals have %+v:\n%s", results, logs)
	}
	waiting := regexp.MustCompile(`(?m)^waiting for the build of oh-live/concurrent:\S+ by process \d+$`)
	if lines := waiting.FindAllString(logs, -1); len(lines) != 1 {
		t.Errorf("%d lines say that one waits for the other:\n%s", len(lines), logs)
	}
}
