// oh-record records the quick start at a terminal, with a plugin and the engine
// of this machine, and draws it as an animated SVG:
//
//	go run ./integration/cmd/oh-record -plugin bin/docker-openhands -o docs/quickstart.svg
//
// What is seen is what the commands print. Their keys are pressed by this
// program, and no pause is longer than a person would wait for. The container that
// they start is removed; the image stays.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/docker-openhands/docker-openhands/integration/lab"
)

func main() {
	plugin := flag.String("plugin", "bin/docker-openhands", "the plugin to record")
	out := flag.String("o", "docs/quickstart.svg", "file to write the animation to; the recording lies beside it, as .cast, with -cast")
	keep := flag.String("cast", "", "file to keep the recording in, in version 2 of asciinema's format")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *plugin, *out, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "oh-record:", err)
		os.Exit(1)
	}
}

// lines are the commands of the quick start.
func lines() []string {
	return []string{
		"docker openhands build --server agent-server alpine:3.20",
		"docker openhands run --server agent-server --base alpine:3.20 --detach --name agent --session-key demo",
		"docker openhands ps",
		"docker openhands stop agent",
	}
}

func run(ctx context.Context, plugin, out, keep string) error {
	folder, err := os.MkdirTemp("", "oh-record-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	// A configuration of docker's with this plugin and nothing of the user's.
	if plugin, err = filepath.Abs(plugin); err != nil {
		return err
	}
	plugins := filepath.Join(folder, "cli-plugins")
	if err := os.Mkdir(plugins, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(plugin, filepath.Join(plugins, "docker-openhands")); err != nil {
		return err
	}
	cast := keep
	if cast == "" {
		cast = filepath.Join(folder, "quickstart.cast")
	}
	if err := record(ctx, cast, lines(), "DOCKER_CONFIG="+folder); err != nil {
		return err
	}
	return draw(ctx, cast, out)
}

// requirements name what draws a recording.
const requirements = "integration/cmd/oh-record/requirements.txt"

// draw makes an animation of a recording.
func draw(ctx context.Context, cast, out string) error {
	python, err := lab.PythonEnv(ctx, "3.13", requirements, os.Stderr)
	if err != nil {
		return err
	}
	render := exec.CommandContext(ctx, filepath.Join(filepath.Dir(python), "termtosvg"), "render", cast, out,
		"--template", "window_frame", "--loop-delay", "5000")
	render.Stdout, render.Stderr = os.Stderr, os.Stderr
	if err := render.Run(); err != nil {
		return fmt.Errorf("drawing the recording: %w", err)
	}
	return nil
}
