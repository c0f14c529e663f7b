package command

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

func newRun(dockerCLI command.Cli) *cobra.Command {
	var runtimes runtimeOptions
	var how buildOptions
	var port uint16
	var detach bool
	cmd := &cobra.Command{
		Use:   "run --base REF | IMAGE",
		Short: "Start a server, building its image if needed",
		Long: `Starts the server in a container, as OpenHands itself does, waits until it is
alive and prints its address. Ctrl-C stops and removes the container.`,
		Example: `  docker openhands run --base alpine:3.20
  docker openhands run --detach --port 8000 ghcr.io/openhands/runtime:TAG`,
		Args: arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args)+len(runtimes.bases) != 1 {
				return problem.New(problem.Usage, "'docker openhands run' takes one image or one --base", nil, "See 'docker openhands run --help'")
			}
			ctx := cmd.Context()
			b, err := how.session(ctx, dockerCLI, runtimes.platform)
			if err != nil {
				return err
			}
			var image string
			if len(args) == 1 {
				image = args[0]
			} else {
				results, err := how.build(ctx, b, &runtimes)
				if err != nil {
					return err
				}
				image = results[len(results)-1].References[0]
			}
			return serve(ctx, dockerCLI, b, image, port, detach, how.json)
		},
	}
	runtimes.flags(cmd.Flags())
	how.flags(cmd.Flags())
	cmd.Flags().Uint16VarP(&port, "port", "p", 0, "Port on 127.0.0.1 (default: a free one)")
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "Leave the server running")
	complete(cmd)
	return cmd
}

// serve starts the server and, unless it is detached, ends with it.
func serve(ctx context.Context, dockerCLI command.Cli, b *builder.Builder, image string, port uint16, detach, asJSON bool) (err error) {
	server, err := b.Start(ctx, image, port)
	if err != nil {
		return problem.Classify(ctx, err)
	}
	left := false
	defer func() {
		if !left {
			err = errors.Join(err, server.Stop(context.WithoutCancel(ctx)))
		}
	}()
	if err := server.WaitAlive(ctx); err != nil {
		return problem.Classify(ctx, err)
	}
	if asJSON {
		err = writeJSON(dockerCLI.Out(), map[string]string{"container": server.ID, "address": server.Address})
	} else {
		_, err = fmt.Fprintf(dockerCLI.Out(), "OpenHands' server is alive at %s\n", server.Address)
	}
	if err != nil {
		return err
	}
	if detach {
		if err := server.Leave(); err != nil {
			return err
		}
		left = true
		if !asJSON {
			_, err = fmt.Fprintf(dockerCLI.Out(), "Stop it with: docker rm --force %s\n", server.ID[:12])
		}
		return err
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
