package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/sandbox"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker/cli/cli/command"
	"github.com/moby/moby/client"
	"github.com/spf13/cobra"
)

func newStop(dockerCLI command.Cli) *cobra.Command {
	var all, keep bool
	cmd := &cobra.Command{
		Use:   "stop SERVER... | --all",
		Short: "Stop servers and remove their containers",
		Long: `Stops servers that "docker openhands run" has started and removes their
containers with all that is in them, as Ctrl-C does; what lies in mounted
folders and in volumes with a name stays. With --keep the containers stay, too.`,
		Example: `  docker openhands stop openhands-alpine-3.20
  docker openhands stop --all --keep`,
		Args: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 0) != all {
				return problem.Usagef("'%s' takes names of servers, or --all", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: completeServers(dockerCLI, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := connect(cmd.Context(), dockerCLI)
			if err != nil {
				return err
			}
			var found []sandbox.Listed
			if all {
				found, err = sandbox.List(cmd.Context(), e, !keep, client.Filters{})
			} else {
				found, err = serversNamed(cmd.Context(), e, args)
			}
			if err != nil {
				return err
			}
			var errs []error
			for _, s := range found {
				if err := meanwhile(dockerCLI, "stopping "+s.Name, func() error { return s.Stop(cmd.Context(), e, keep) }); err != nil {
					errs = append(errs, err)
					continue
				}
				said := " was stopped and its container removed"
				if keep {
					said = " was stopped; its container is still there"
				}
				fmt.Fprintln(dockerCLI.Out(), terminal.Line(s.Name+said))
			}
			return errors.Join(errs...)
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "All servers there are")
	cmd.Flags().BoolVar(&keep, "keep", false, "Do not remove the containers")
	return cmd
}

// serversNamed finds servers, running or not, by their names or IDs.
func serversNamed(ctx context.Context, e *engine.Engine, words []string) ([]sandbox.Listed, error) {
	all, err := sandbox.List(ctx, e, true, client.Filters{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	var found []sandbox.Listed
	for _, word := range words {
		before := len(found)
		for _, s := range all {
			if s.Named(word) {
				found = append(found, s)
			}
		}
		switch len(found) - before {
		case 0:
			return nil, problem.New(problem.Usage, "no server is called "+word, nil,
				problem.Meant(problem.Similar(names, word), "%s")+"See 'docker openhands ps --all'")
		case 1:
		default:
			return nil, problem.New(problem.Usage, "more than one server has an ID that begins with "+word, nil, "Write more of it")
		}
	}
	return found, nil
}

// completeServers suggests names of servers, see completeFromEngine.
func completeServers(dockerCLI command.Cli, limit int) cobra.CompletionFunc {
	return completeFromEngine(dockerCLI, limit, func(ctx context.Context, api client.APIClient) ([]string, error) {
		all, err := sandbox.List(ctx, &engine.Engine{API: api}, true, client.Filters{})
		var names []string
		for _, s := range all {
			names = append(names, s.Name)
		}
		return names, err
	})
}
