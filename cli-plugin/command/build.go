package command

import (
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

func newBuild(dockerCLI command.Cli) *cobra.Command {
	var runtimes runtimeOptions
	var how buildOptions
	cmd := &cobra.Command{
		Use:   "build --base REF [--base REF...]",
		Short: "Build runtime images over one or more bases",
		Example: `  docker openhands build --base alpine:3.20
  docker openhands build --base debian:12 --base scratch --without browser`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(runtimes.bases) == 0 {
				return problem.New(problem.Usage, "no base is given", nil, "Name one, for example --base alpine:3.20, or --base scratch")
			}
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
	runtimes.flags(cmd.Flags())
	how.flags(cmd.Flags())
	cmd.Flags().Bool("load", true, "Load the images into the engine")
	complete(cmd)
	return cmd
}

func dryRun(cmd *cobra.Command, dockerCLI command.Cli, runtimes *runtimeOptions, asJSON bool) error {
	p, err := runtimes.sketch(cmd.Context(), dockerCLI)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(dockerCLI.Out(), p)
	}
	return writePlan(dockerCLI.Out(), p)
}
