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
	"errors"
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
	out := flag.String("o", "docs/quickstart.svg", "file to write the animation to")
	cast := flag.String("cast", "artifacts/quickstart.cast", "file to write the recording to, in version 2 of asciinema's format")
	again := flag.Bool("again", false, "draw the recording that is there")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *plugin, *cast, *out, *again); err != nil {
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

func run(ctx context.Context, plugin, cast, out string, again bool) error {
	if !again {
		if err := recordPlugin(ctx, plugin, cast); err != nil {
			return err
		}
	}
	return draw(ctx, cast, out)
}

// recordPlugin records the commands with a plugin under a configuration of docker's
// that has nothing of the user's.
func recordPlugin(ctx context.Context, plugin, cast string) (err error) {
	if plugin, err = filepath.Abs(plugin); err != nil {
		return err
	}
	config, err := os.MkdirTemp("", "oh-record-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(config)) }()
	plugins := filepath.Join(config, "cli-plugins")
	if err := os.Mkdir(plugins, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(plugin, filepath.Join(plugins, "docker-openhands")); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(cast), 0o755); err != nil {
		return err
	}
	return record(ctx, cast, lines(), "DOCKER_CONFIG="+config)
}

// requirements name what draws a recording.
const requirements = "integration/cmd/oh-record/requirements.txt"

// draw makes an animation of a recording.
func draw(ctx context.Context, cast, out string) error {
	python, err := lab.PythonEnv(ctx, "3.13", requirements, os.Stderr)
	if err != nil {
		return err
	}
	render := exec.CommandContext(ctx, python, "-m", "termtosvg", "render", cast, out,
		"--template", "window_frame", "--loop-delay", "5000")
	render.Stdout, render.Stderr = os.Stderr, os.Stderr
	if err := render.Run(); err != nil {
		return fmt.Errorf("drawing the recording: %w", err)
	}
	return nil
}
