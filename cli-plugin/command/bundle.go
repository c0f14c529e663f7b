package command

import (
	"errors"
	"flag"
	"fmt"

	bundle "github.com/docker-openhands/docker-openhands/bundler/command"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

// newBundle offers the commands of oh-bundle. They parse their own flags, so
// that both programs read the same command line.
func newBundle(dockerCLI command.Cli) *cobra.Command {
	return &cobra.Command{
		Use:   "bundle COMMAND",
		Short: "Examine ELF files; bundle, seal and verify programs",
		Example: `  docker openhands bundle tree /usr/bin/git
  docker openhands bundle copy --dest ./out /usr/bin/git
  docker openhands bundle verify ./out`,
		DisableFlagParsing: true,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return bundle.Names(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			err := bundle.Run(cmd.Context(), cmd.CommandPath(), terminal.Writer(dockerCLI.Out()), args)
			var usage bundle.UsageError
			var no bundle.CheckError
			switch {
			case err == nil, errors.Is(err, flag.ErrHelp):
				return nil
			case errors.As(err, &usage):
				return problem.New(problem.Usage, err.Error(), nil, fmt.Sprintf("See '%s'", usage.Help))
			case errors.As(err, &no):
				return problem.New(problem.NotSealed, "'"+cmd.CommandPath()+" "+args[0]+"' says no", err, "See what it printed")
			}
			return problem.New(problem.BundleFailed, "'"+cmd.CommandPath()+" "+args[0]+"' ended with a failure", err, "See what it printed, or its --help")
		},
	}
}
