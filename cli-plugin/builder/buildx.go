package builder

import (
	"bufio"
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
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker/cli/cli-plugins/manager"
	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli-plugins/socket"
	"github.com/docker/cli/cli/config"
	bkclient "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	"github.com/spf13/cobra"
)

// bakeTarget is one image for buildx to build and to load into the engine.
type bakeTarget struct {
	files      map[string]plan.File // of the build context
	dockerfile string
	tags       []string
	secrets    map[string]string // files by ID
	texts      map[string]string // secrets by ID that are no files
	noCache    bool

	// fromEngine is set where the Dockerfile starts from an image that only
	// the engine has: only the builder inside the engine can do that.
	fromEngine bool
}

// bake runs "docker buildx bake" on the target. It changes no setting of any
// builder, and whatever it writes is removed again. The names are given by the
// build's last step, so a build that fails or is cancelled leaves none.
func (b *Builder) bake(ctx context.Context, target bakeTarget) (err error) {
	lease := b.Engine.Lease()
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
	buildx, err := b.buildx()
	if err != nil {
		return err
	}
	args := []string{"bake", "--file", "-"}
	if asksForFiles(buildx.Version) {
		for _, id := range slices.Sorted(maps.Keys(target.secrets)) {
			args = append(args, "--allow", "fs.read="+target.secrets[id])
		}
	}
	if target.fromEngine {
		args = append(args, "--builder", b.CLI.CurrentContext())
	}
	return b.runBuildx(ctx, buildx.Path, dir, env, bytes.NewReader(definition), append(args, "image")...)
}

// asksForFiles reports whether bake of a version of buildx wants each file
// outside of the context to be allowed. It does since 0.18; others do not know
// that kind of permission.
func asksForFiles(version string) bool {
	var major, minor int
	_, err := fmt.Sscanf(strings.TrimPrefix(version, "v"), "%d.%d", &major, &minor)
	return err != nil || major > 0 || minor >= 18 || minor == 0 // a version of its own making says 0.0
}

// runBuildx runs a command of the program buildx that builds, in the folder dir and with the
// variables env beside those of this process, and shows its progress.
func (b *Builder) runBuildx(ctx context.Context, buildx, dir string, env []string, stdin io.Reader, args ...string) error {
	cmd := exec.CommandContext(ctx, buildx, append([]string{args[0], "--progress", "rawjson"}, args[1:]...)...)
	cmd.Dir = dir
	cmd.Env = append(b.buildxEnv(), env...)
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
	said, showErr := b.show(ctx, stderr)
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return b.buildxProblem(ctx, buildx, args[0], said, err)
	}
	return showErr
}

// cmpText prefers what buildx said about its failure to its exit status.
func cmpText(said string, err error) error {
	if said == "" {
		return err
	}
	return errors.New(strings.TrimPrefix(said, errorPrefix))
}

// buildx finds the plugin as the docker command does.
func (b *Builder) buildx() (*manager.Plugin, error) {
	plugin, err := manager.GetPlugin("buildx", b.CLI, &cobra.Command{})
	if err != nil {
		return nil, problem.New(problem.NoBuildx, "the docker buildx plugin is missing", err, installBuildx)
	}
	if plugin.Err != nil {
		return nil, problem.New(problem.NoBuildx, "the docker buildx plugin at "+plugin.Path+" does not work", plugin.Err, installBuildx)
	}
	return plugin, nil
}

// buildxEnv makes buildx see the same engine as this process, as a program of
// its own: it is stopped by a signal of ours, not through the docker command.
func (b *Builder) buildxEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return name == metadata.ReexecEnvvar || name == socket.EnvKey
	})
	if current := b.CLI.CurrentContext(); current != "default" {
		env = append(env, "DOCKER_CONTEXT="+current)
	} else {
		env = append(env, "DOCKER_HOST="+b.CLI.DockerEndpoint().Host)
	}
	return append(env,
		"DOCKER_CONFIG="+config.Dir(),
		"BUILDX_NO_DEFAULT_ATTESTATIONS=1", // they would make the image an index
		"BUILDX_METADATA_PROVENANCE=disabled",
	)
}

func writeContext(dir string, target bakeTarget) error {
	files := maps.Clone(target.files)
	if files == nil {
		files = map[string]plan.File{}
	}
	files["Dockerfile"] = plan.File{Mode: 0o644, Data: []byte(target.dockerfile)}
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

// settingsSecret is the ID of the secret with indexSettings.
const settingsSecret = "settings"

// definition is the bake file, and the variables that it has buildx read.
// Bake expands ${} and %{} in every string.
func (t bakeTarget) definition() (file []byte, env []string, err error) {
	literal := strings.NewReplacer("${", "$${", "%{", "%%{").Replace
	type target struct {
		Context    string            `json:"context"`
		Dockerfile string            `json:"dockerfile"`
		Tags       []string          `json:"tags"`
		Args       map[string]string `json:"args,omitempty"`
		Secrets    []string          `json:"secret,omitempty"`
		Output     []string          `json:"output"`
		NoCache    bool              `json:"no-cache,omitempty"`
	}
	image := target{Context: ".", Dockerfile: "Dockerfile", Args: map[string]string{}, Output: []string{"type=docker"}, NoCache: t.noCache}
	for _, tag := range t.tags {
		image.Tags = append(image.Tags, literal(tag))
	}
	for name, value := range proxyArgs() {
		image.Args[name] = literal(value)
	}
	for _, id := range slices.Sorted(maps.Keys(t.secrets)) {
		var fields bytes.Buffer
		w := csv.NewWriter(&fields)
		if err := w.Write([]string{"id=" + id, "src=" + t.secrets[id]}); err != nil {
			return nil, nil, err
		}
		w.Flush()
		image.Secrets = append(image.Secrets, literal(strings.TrimSpace(fields.String())))
	}
	for _, id := range slices.Sorted(maps.Keys(t.texts)) {
		variable := "OPENHANDS_SECRET_" + strings.ToUpper(strings.ReplaceAll(id, "-", "_"))
		image.Secrets = append(image.Secrets, "id="+id+",env="+variable)
		env = append(env, variable+"="+t.texts[id])
	}
	file, err = json.Marshal(map[string]map[string]target{"target": {"image": image}})
	return file, env, err
}

// errorPrefix starts the message with which buildx fails.
const errorPrefix = "ERROR: "

// show draws the status stream of buildx until its end and returns what else it
// said: its error message, where it failed.
func (b *Builder) show(ctx context.Context, stream io.Reader) (said string, err error) {
	display, err := progressui.NewDisplay(b.Log, b.Progress)
	if err != nil {
		_, _ = io.Copy(io.Discard, stream)
		return "", fmt.Errorf("showing progress: %w", err)
	}
	statuses := make(chan *bkclient.SolveStatus)
	drawn := make(chan error, 1)
	go func() {
		// Not ctx: what a cancelled build says last is shown as well.
		_, err := display.UpdateFrom(context.WithoutCancel(ctx), statuses)
		drawn <- err
	}()
	lines := bufio.NewReader(stream)
	for {
		line, readErr := lines.ReadBytes('\n')
		status := new(bkclient.SolveStatus)
		if text := bytes.TrimSpace(line); len(text) == 0 {
		} else if text[0] == '{' && json.Unmarshal(text, status) == nil {
			if b.Progress != progressui.RawJSONMode {
				harmless(status)
			}
			statuses <- status
		} else if said == "" || bytes.HasPrefix(text, []byte(errorPrefix)) {
			said = string(text)
		} else {
			said += " " + string(text)
		}
		if readErr != nil {
			break // the end, or the process is gone; its exit status tells
		}
	}
	close(statuses)
	return said, <-drawn
}
