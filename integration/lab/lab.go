// Package lab prepares what the integration tests and the quickstart stand
// on: a Docker Engine, base images where none can be pulled, and a second,
// newer engine beside the first. It changes nothing that is there already.
package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// Engine is a Docker Engine that is reached through the docker command.
type Engine struct {
	// Host is the engine's address as in DOCKER_HOST; empty means the
	// machine's default engine.
	Host string
}

// Command returns a docker command against the engine; the caller runs it.
func (e Engine) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "docker", args...)
	if e.Host != "" {
		cmd.Env = append(os.Environ(), "DOCKER_HOST="+e.Host)
	}
	return cmd
}

// Docker runs a docker command and returns its standard output without the
// final newline. The error of a command that fails holds what it printed to
// standard error.
func (e Engine) Docker(ctx context.Context, args ...string) (string, error) {
	return output(e.Command(ctx, args...))
}

// Up reports whether the engine answers.
func (e Engine) Up(ctx context.Context) bool {
	_, err := e.Docker(ctx, "version", "--format", "{{.Server.Version}}")
	return err == nil
}

// HasImage reports whether the engine holds an image of that name.
func (e Engine) HasImage(ctx context.Context, ref string) bool {
	_, err := e.Docker(ctx, "image", "inspect", "--format", "{{.Id}}", ref)
	return err == nil
}

func output(cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", commandError(cmd, err, stderr.String())
	}
	return strings.TrimSuffix(stdout.String(), "\n"), nil
}

// stream runs a command whose output a person follows.
func stream(cmd *exec.Cmd, log io.Writer) error {
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		return commandError(cmd, err, "")
	}
	return nil
}

func commandError(cmd *exec.Cmd, err error, stderr string) error {
	args := cmd.Args
	if len(args) > 4 {
		args = append(args[:4:4], "...")
	}
	if stderr = strings.TrimSpace(stderr); stderr != "" {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, stderr)
	}
	return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
}
