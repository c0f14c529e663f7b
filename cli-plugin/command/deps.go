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
	cmd.AddCommand(newDepsBuild(dockerCLI))
	return cmd
}

func newDepsBuild(dockerCLI command.Cli) *cobra.Command {
	runtimes := runtimeOptions{layerOrder: "auto", assemble: "auto"}
	var how buildOptions
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build the deps image alone",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if how.dryRun {
				return dryRun(cmd, dockerCLI, &runtimes, how.json)
			}
			_, results, err := how.build(cmd.Context(), dockerCLI, &runtimes)
			if err != nil {
				return err
			}
			if how.json {
				return writeJSON(dockerCLI.Out(), report{results})
			}
			return writeResults(dockerCLI.Out(), results)
		},
	}
	runtimes.payloadOptions.flags(cmd.Flags())
	how.flags(cmd.Flags())
	complete(cmd)
	return cmd
}
