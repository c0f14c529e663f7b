package command

import (
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

func newDeps(dockerCLI command.Cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deps COMMAND",
		Short: "The payload's own image",
		Args:  noSubcommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDepsBuild(dockerCLI), newDepsLock(dockerCLI))
	return cmd
}

func newDepsBuild(dockerCLI command.Cli) *cobra.Command {
	runtimes := runtimeOptions{layerOrder: "auto", assemble: "auto"}
	var how buildOptions
	var to destinationOptions
	var dry dryRun
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build the deps image alone",
		Long: `Builds the deps image, or finds the one that the engine or the registry has.
With --push it goes to its tag in --repository, where every other build of the
same payload finds it. With --platform it is one of the other architecture, made
without emulation.`,
		Example: `  docker openhands deps build
  docker openhands deps build --server agent-server --without browser
  docker openhands deps build --platform linux/arm64
  docker openhands deps build --push --repository registry.example/runtime
  docker openhands deps build --platform linux/amd64,linux/arm64 --push --repository registry.example/runtime`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if how.output, err = to.destination(cmd, dockerCLI, how.json, 1); err != nil {
				return err
			}
			if dry.wanted() {
				return dry.run(cmd.Context(), dockerCLI, &runtimes, &how)
			}
			return build(cmd.Context(), dockerCLI, &runtimes, &how)
		},
	}
	runtimes.payloadOptions.flags(cmd.Flags())
	how.flags(cmd.Flags())
	how.quietFlag(cmd.Flags())
	to.flags(cmd.Flags())
	dry.flags(cmd.Flags())
	configurable(cmd, dockerCLI)
	return cmd
}
