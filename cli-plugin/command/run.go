package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/sandbox"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

func newRun(dockerCLI command.Cli) *cobra.Command {
	var call runCall
	cmd := &cobra.Command{
		Use:   "run --base REF | IMAGE",
		Short: "Start a server, building its image if needed",
		Long: `Starts the server in a container, as OpenHands itself does, waits until it is
alive and prints its address. Ctrl-C stops and removes the container.`,
		Example: `  docker openhands run --base alpine:3.20
  docker openhands run --detach --port 8000 ghcr.io/openhands/runtime:TAG`,
		Args: arguments(0, 1),
		PreRunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			if cmd.Flags().Changed("image") {
				return oneImage()
			}
			return cmd.Flags().Set("image", args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := call.mode.check(cmd, &call.runtimes); err != nil {
				return err
			}
			return call.run(cmd.Context(), dockerCLI)
		},
	}
	flags := cmd.Flags()
	call.runtimes.flags(flags)
	call.how.flags(flags)
	call.mode.flags(flags)
	call.old.buildFlags(flags)
	flags.StringVar(&call.image, "image", "", "Image to start, the same as the argument IMAGE")
	flags.Uint16VarP(&call.port, "port", "p", 0, "Port on 127.0.0.1 (default: a free one)")
	flags.BoolVarP(&call.detach, "detach", "d", false, "Leave the server running")
	annotate(flags, map[string]facts{
		"image":  {modes: bothModes()},
		"port":   {modes: bothModes()},
		"detach": {modes: bothModes()},
	})
	configurable(cmd, dockerCLI)
	acceptOldSpellings(flags)
	return cmd
}

// runCall is a call of "run".
type runCall struct {
	runtimes runtimeOptions
	how      buildOptions
	mode     modeOptions
	old      traditionalOptions
	image    string
	port     uint16
	detach   bool
}

func oneImage() error {
	return problem.Usagef("'docker openhands run' takes one image or one --base")
}

func (c *runCall) run(ctx context.Context, dockerCLI command.Cli) error {
	given := len(c.runtimes.bases)
	if c.image != "" {
		given++
	}
	if given != 1 {
		return oneImage()
	}
	b, ref, err := c.obtain(ctx, dockerCLI)
	if err != nil {
		return err
	}
	found, err := b.Obtain(ctx, ref)
	if err != nil {
		return err
	}
	client := sandbox.Client{Engine: b.Engine, Logf: b.Logf}
	start := client.Start
	if c.mode.mode == modeTraditional {
		start = client.StartTraditional
	}
	server, err := start(ctx, found, c.port)
	if err != nil {
		return err
	}
	return serve(ctx, dockerCLI, server, c.detach, c.how.json)
}

// obtain returns the name of the image, which is built if need be.
func (c *runCall) obtain(ctx context.Context, dockerCLI command.Cli) (b *builder.Builder, ref string, err error) {
	var results []builder.Result
	if c.mode.mode == modeTraditional && c.image == "" {
		t := traditionalBuild{runtimes: &c.runtimes, how: &c.how, mode: &c.mode, old: &c.old}
		err = t.prepared(ctx, dockerCLI, func(with *builder.Builder, images []builder.Traditional) (err error) {
			b = with
			results, err = t.build(ctx, b, images)
			return err
		})
	} else {
		if b, err = c.how.session(ctx, dockerCLI, c.runtimes.platform); err != nil || c.image != "" {
			return b, c.image, err
		}
		results, err = c.how.build(ctx, b, &c.runtimes)
	}
	if err != nil {
		return nil, "", err
	}
	return b, results[len(results)-1].References[0], nil
}

func writeStarted(w io.Writer, s document.Started, asJSON bool) error {
	if asJSON {
		return document.Write(w, s)
	}
	w = terminal.Writer(w)
	_, err := fmt.Fprintf(w, "OpenHands' server is alive at %s\n", s.Address)
	if err == nil && s.Editor != "" {
		_, err = fmt.Fprintf(w, "VS Code is at %s\n", s.Editor)
	}
	return err
}

// serve waits until the server is alive and, unless it is detached, ends with it.
func serve(ctx context.Context, dockerCLI command.Cli, server *sandbox.Server, detach, asJSON bool) (err error) {
	left := false
	defer func() {
		if left {
			return
		}
		err = errors.Join(err, server.Stop(context.WithoutCancel(ctx)))
		if err == nil && !asJSON {
			fmt.Fprintln(dockerCLI.Err(), "The server was stopped and its container removed")
		}
	}()
	start := time.Now()
	if err := server.WaitAlive(ctx); err != nil {
		return err
	}
	took := time.Since(start)
	if err := writeStarted(dockerCLI.Out(), document.Started{
		Container: server.ID, Name: server.Name, Image: server.Image, ImageID: server.ImageID, Server: server.Profile,
		Address: server.Address, Port: server.Port, Editor: server.Editor(ctx),
	}, asJSON); err != nil {
		return err
	}
	if detach {
		if err := server.Leave(); err != nil {
			return err
		}
		left = true
		if !asJSON {
			_, err = fmt.Fprintf(dockerCLI.Out(), "See its log with: docker logs --follow %[1]s\nStop it with: docker rm --force %[1]s\n", server.ID[:12])
		}
		return err
	}
	if !asJSON {
		fmt.Fprintf(dockerCLI.Err(), "It answered after %.1f s. Ctrl-C stops it and removes its container\n", took.Seconds())
	}
	status, err := server.Wait(ctx)
	if ctx.Err() != nil {
		return nil // Ctrl-C is how it is meant to end
	}
	if err == nil && status != 0 {
		err = problem.New(problem.ServerDied, "the server ended with status "+strconv.FormatInt(status, 10), nil, "")
	}
	return err
}
