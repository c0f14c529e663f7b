package command

import (
	"context"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/sandbox"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

func newRun(dockerCLI command.Cli) *cobra.Command {
	var call runCall
	cmd := &cobra.Command{
		Use:   "run --base REF | IMAGE [-- ARGUMENT...]",
		Short: "Start a server, building its image if needed",
		Long: `Starts the server in a container, as OpenHands itself does, waits until it is
alive and prints its address. Ctrl-C stops it and removes the container; with
--detach it goes on, see "ps", "logs" and "stop".

The agent server gets a new session key, which is printed once: callers send it
in the header X-Session-API-Key. Both servers are published on 127.0.0.1 alone,
unless --publish names another address.

Options of "docker run" mean what they mean there. What stands after -- are
options of the server.`,
		Example: `  docker openhands run --base alpine:3.20
  docker openhands run --detach --port 8000 ghcr.io/openhands/runtime:TAG
  docker openhands run --server agent-server --base debian:12 --name agent -e LOG_LEVEL=debug -v "$PWD":/workspace/project -p 3000:3000`,
		Args: func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); dash >= 0 {
				args = args[:dash]
			}
			return arguments(0, 1)(cmd, args)
		},
		PreRunE: func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); dash >= 0 {
				args, call.arguments = args[:dash], args[dash:]
			}
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
			return call.run(cmd, dockerCLI)
		},
	}
	flags := cmd.Flags()
	call.runtimes.flags(flags)
	call.how.flags(flags)
	call.mode.flags(flags)
	call.old.buildFlags(flags)
	call.container.flags(flags)
	flags.Lookup("user").Usage = "Account of the agent in an image that is built, NAME[:UID]; with IMAGE the user of the container"
	flags.StringVar(&call.image, "image", "", "Image to start, the same as the argument IMAGE")
	flags.BoolVarP(&call.detach, "detach", "d", false, "Leave the server running")
	annotate(flags, map[string]facts{
		"image":  {group: groupFrom, modes: bothModes()},
		"detach": {group: groupContainer, modes: bothModes()},
	})
	configurable(cmd, dockerCLI)
	acceptOldSpellings(flags)
	return cmd
}

// runCall is a call of "run".
type runCall struct {
	runtimes  runtimeOptions
	how       buildOptions
	mode      modeOptions
	old       traditionalOptions
	container containerOptions
	image     string
	arguments []string // of the server
	detach    bool
}

func oneImage() error {
	return problem.Usagef("'docker openhands run' takes one image or one --base")
}

func (c *runCall) run(cmd *cobra.Command, dockerCLI command.Cli) error {
	ctx := cmd.Context()
	given := len(c.runtimes.bases)
	if c.image != "" {
		given++
	}
	if given != 1 {
		return oneImage()
	}
	options, err := c.container.options(cmd.Flags(), c.detach)
	if err != nil {
		return err
	}
	options.Arguments = c.arguments
	if c.image != "" && cmd.Flags().Changed("user") {
		options.User = c.runtimes.user
	}
	b, ref, err := c.obtain(ctx, dockerCLI)
	if err != nil {
		return err
	}
	found, err := b.Obtain(ctx, ref)
	if err != nil {
		return err
	}
	client := sandbox.Client{Engine: b.Engine, View: b.View()}
	start := client.Start
	if c.mode.mode == modeTraditional {
		start = client.StartTraditional
	}
	begin := time.Now()
	server, err := start(ctx, found, options)
	if err != nil {
		return err
	}
	return serving{
		out: dockerCLI.Out(), messages: dockerCLI.Err(), server: server, begin: begin,
		detach: c.detach, keep: c.container.keep(cmd.Flags()), json: c.how.json,
	}.serve(ctx)
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
