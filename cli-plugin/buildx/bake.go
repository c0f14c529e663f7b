// Package buildx builds images by docker's buildx plugin, and finds what of this
// machine a build may need.
package buildx

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/progress"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli-plugins/socket"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config"
)

// Client runs buildx.
type Client struct {
	CLI      command.Cli // docker's configuration: context, plugins
	EngineID string      // of the engine that the command works with
	View     *progress.View
}

// Target is one image for buildx to build and to load into the engine.
type Target struct {
	Files      map[string]plan.File // of the build context
	Dockerfile string
	Tags       []string
	Secrets    map[string]string // files by ID
	Texts      map[string]string // secrets by ID that are no files
	NoCache    bool
	Platform   string // of the image; empty: that of the builder

	// fromEngine is set where the Dockerfile starts from an image that only
	// the engine has: only the builder inside the engine can do that.
	FromEngine bool
}

// Bake runs "docker buildx bake" on the target. It changes no setting of any
// builder, and whatever it writes is removed again. The names are given by the
// build's last step, so a build that fails or is cancelled leaves none.
func (c *Client) Bake(ctx context.Context, target Target) (err error) {
	lease := state.NewLease(c.EngineID)
	defer func() { err = errors.Join(err, lease.End()) }()
	dir, err := lease.Folder()
	if err != nil {
		return fmt.Errorf("making the build context: %w", err)
	}
	if err := writeContext(dir, target); err != nil {
		return fmt.Errorf("writing the build context: %w", err)
	}
	definition, env, err := target.definition()
	if err != nil {
		return fmt.Errorf("encoding the bake file: %w", err)
	}
	buildx, err := c.plugin()
	if err != nil {
		return err
	}
	args := []string{"bake", "--file", "-"}
	if asksForFiles(buildx.Version) {
		for _, id := range slices.Sorted(maps.Keys(target.Secrets)) {
			args = append(args, "--allow", "fs.read="+target.Secrets[id])
		}
	}
	if target.FromEngine {
		args = append(args, "--builder", c.CLI.CurrentContext())
	}
	return c.run(ctx, buildx.Path, dir, env, bytes.NewReader(definition), append(args, "image")...)
}

// asksForFiles reports whether bake of a version of buildx wants each file
// outside of the context to be allowed. It does since 0.18; others do not know
// that kind of permission.
func asksForFiles(version string) bool {
	var major, minor int
	_, err := fmt.Sscanf(strings.TrimPrefix(version, "v"), "%d.%d", &major, &minor)
	return err != nil || major > 0 || minor >= 18 || minor == 0 // a version of its own making says 0.0
}

// run runs a command of the program buildx that builds, in the folder dir and
// with the variables env beside those of this process, and shows its progress.
func (c *Client) run(ctx context.Context, buildx, dir string, env []string, stdin io.Reader, args ...string) error {
	cmd := exec.CommandContext(ctx, buildx, append([]string{args[0], "--progress", "rawjson"}, args[1:]...)...)
	cmd.Dir = dir
	cmd.Env = append(c.env(), env...)
	cmd.Stdin = stdin
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	dieTogether(cmd)
	cmd.WaitDelay = 20 * time.Second // for BuildKit to stop its steps
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("starting buildx: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting buildx: %w", err)
	}
	said := c.show(stderr)
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return c.problem(ctx, buildx, args[0], said, err)
	}
	return nil
}

// Run runs a command of buildx that builds in the folder dir, and shows its
// progress.
func (c *Client) Run(ctx context.Context, dir string, args ...string) error {
	plugin, err := c.plugin()
	if err != nil {
		return err
	}
	return c.run(ctx, plugin.Path, dir, nil, nil, args...)
}

// cmpText prefers what buildx said about its failure to its exit status.
func cmpText(said string, err error) error {
	if said == "" {
		return err
	}
	return errors.New(strings.TrimPrefix(said, errorPrefix))
}

// env makes buildx see the same engine as this process, as a program of
// its own: it is stopped by a signal of ours, not through the docker command.
func (c *Client) env() []string {
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return name == metadata.ReexecEnvvar || name == socket.EnvKey
	})
	if current := c.CLI.CurrentContext(); current != "default" {
		env = append(env, "DOCKER_CONTEXT="+current)
	} else {
		env = append(env, "DOCKER_HOST="+c.CLI.DockerEndpoint().Host)
	}
	return append(env,
		"DOCKER_CONFIG="+config.Dir(),
		"BUILDX_NO_DEFAULT_ATTESTATIONS=1", // they would make the image an index
		"BUILDX_METADATA_PROVENANCE=disabled",
	)
}

func writeContext(dir string, target Target) error {
	files := maps.Clone(target.Files)
	if files == nil {
		files = map[string]plan.File{}
	}
	files["Dockerfile"] = plan.File{Mode: 0o644, Data: []byte(target.Dockerfile)}
	for name, file := range files {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("%s is outside of the context", name)
		}
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, file.Data, file.Mode.Perm()); err != nil {
			return err
		}
		if err := os.Chmod(full, file.Mode.Perm()); err != nil { // whatever the umask is
			return err
		}
	}
	return nil
}

// SettingsSecret is the ID of the secret with indexSettings.
const SettingsSecret = "settings"

// definition is the bake file, and the variables that it has buildx read.
// Bake expands ${} and %{} in every string.
func (t Target) definition() (file []byte, env []string, err error) {
	literal := strings.NewReplacer("${", "$${", "%{", "%%{").Replace
	type target struct {
		Context    string            `json:"context"`
		Dockerfile string            `json:"dockerfile"`
		Tags       []string          `json:"tags"`
		Args       map[string]string `json:"args,omitempty"`
		Secrets    []string          `json:"secret,omitempty"`
		Output     []string          `json:"output"`
		NoCache    bool              `json:"no-cache,omitempty"`
		Platforms  []string          `json:"platforms,omitempty"`
	}
	image := target{Context: ".", Dockerfile: "Dockerfile", Args: map[string]string{}, Output: []string{"type=docker"}, NoCache: t.NoCache}
	if t.Platform != "" {
		image.Platforms = []string{t.Platform}
	}
	for _, tag := range t.Tags {
		image.Tags = append(image.Tags, literal(tag))
	}
	for name, value := range proxyArgs() {
		image.Args[name] = literal(value)
	}
	for _, id := range slices.Sorted(maps.Keys(t.Secrets)) {
		var fields bytes.Buffer
		w := csv.NewWriter(&fields)
		if err := w.Write([]string{"id=" + id, "src=" + t.Secrets[id]}); err != nil {
			return nil, nil, err
		}
		w.Flush()
		image.Secrets = append(image.Secrets, literal(strings.TrimSpace(fields.String())))
	}
	for _, id := range slices.Sorted(maps.Keys(t.Texts)) {
		variable := "OPENHANDS_SECRET_" + strings.ToUpper(strings.ReplaceAll(id, "-", "_"))
		image.Secrets = append(image.Secrets, "id="+id+",env="+variable)
		env = append(env, variable+"="+t.Texts[id])
	}
	file, err = json.Marshal(map[string]map[string]target{"target": {"image": image}})
	return file, env, err
}
