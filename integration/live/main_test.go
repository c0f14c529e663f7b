package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/templates"
)

// artifacts is where pictures, logs and the matrix go for a person to look at.
func artifacts(t *testing.T, name ...string) string {
	t.Helper()
	root := os.Getenv("OH_ARTIFACTS")
	if root == "" {
		root = filepath.Join("..", "..", "artifacts")
	}
	path := filepath.Join(append([]string{root}, name...)...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// docker runs a docker command on the default engine and returns its output.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := lab.Engine{}.Docker(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// hostAddress is where containers of the default network reach this machine.
// An engine that has made the network's bridge itself names no gateway of it.
func hostAddress(t *testing.T) string {
	t.Helper()
	bridge, err := net.InterfaceByName(docker(t, "network", "inspect", "bridge", "--format", `{{index .Options "com.docker.network.bridge.name"}}`))
	if err != nil {
		t.Fatal(err)
	}
	addresses, err := bridge.Addrs()
	if err != nil || len(addresses) == 0 {
		t.Fatalf("%v, %v", addresses, err)
	}
	return addresses[0].(*net.IPNet).IP.String()
}

// cleanup runs a docker command at the test's end, when its context is over.
func cleanup(t *testing.T, engine lab.Engine, args ...string) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if _, err := engine.Docker(ctx, args...); err != nil {
			t.Error(err)
		}
	})
}

// leaveMost are the flags for a payload that is built in seconds: tmux, what
// every payload has and the components but.
func leaveMost(t *testing.T, but ...string) []string {
	t.Helper()
	all, err := templates.Components()
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, c := range all {
		if c.Name != "core" && c.Name != "tmux" && !slices.Contains(but, c.Name) {
			left = append(left, c.Name)
		}
	}
	return []string{"--without", strings.Join(left, ",")}
}

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// slug makes a name of an image or a test fit for tags, containers and files.
func slug(name string) string {
	return strings.Trim(notInName.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

// build makes a runtime image under a tag of the test's own, one for each base
// and flags. The names that
// the build gave are taken away at the test's end. The variable OH_DEPS_IMAGE
// names a deps image to use instead of the plugin's choice.
func build(t *testing.T, base string, flags ...string) string {
	t.Helper()
	tag := "oh-live/" + slug(t.Name()) + ":" + slug(strings.Join(append([]string{base}, flags...), " "))
	tag = tag[:min(len(tag), 100)]
	args := append([]string{"openhands", "build", "--base", base, "--tag", tag, "--load", "--progress", "plain"}, flags...)
	chosen := func(flag string) bool { return slices.Contains(flags, flag) }
	if deps := os.Getenv("OH_DEPS_IMAGE"); deps != "" && !chosen("--deps-image") && !chosen("--server") && !chosen("--python-env") {
		args = append(args, "--deps-image", deps)
	}
	before := names(t)
	start := time.Now()
	cmd := lab.Engine{}.Command(t.Context(), args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	t.Logf("%s is built in %s", tag, time.Since(start).Round(10*time.Millisecond))
	given := strings.Fields(docker(t, "image", "inspect", "--format", "{{join .RepoTags \" \"}}", tag))
	for _, name := range given {
		if !slices.Contains(before, name) {
			cleanup(t, lab.Engine{}, "rmi", name)
		}
	}
	return tag
}

// names lists the names of all images of the default engine.
func names(t *testing.T) []string {
	t.Helper()
	return strings.Fields(docker(t, "images", "--format", "{{.Repository}}:{{.Tag}}"))
}

// exitStatus is the status that a command ended with, -1 where it never ran.
func exitStatus(err error) int {
	if err == nil {
		return 0
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// sweep takes away the containers and images of these tests that a run left
// when it was killed before its cleanups: their names would be in the way.
func sweep(ctx context.Context) error {
	engine := lab.Engine{}
	containers, err := engine.Docker(ctx, "ps", "--all", "--quiet", "--filter", "name=^/?oh-live-")
	if err == nil && containers != "" {
		_, err = engine.Docker(ctx, append([]string{"rm", "--force", "--volumes"}, strings.Fields(containers)...)...)
	}
	if err != nil {
		return fmt.Errorf("removing the containers of an earlier run: %w", err)
	}
	images, err := engine.Docker(ctx, "images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=oh-live/*")
	if err == nil && images != "" {
		_, err = engine.Docker(ctx, append([]string{"rmi"}, strings.Fields(images)...)...)
	}
	if err != nil {
		return fmt.Errorf("removing the images of an earlier run: %w", err)
	}
	return nil
}

func TestMain(m *testing.M) {
	if err := sweep(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	if tables := results.markdown(); tables != "" {
		fmt.Printf("\nEvery base, every check:\n\n%s\n", tables)
	}
	os.Exit(status)
}
