// Package command is the command line: one file a command, from flags to an
// options struct to one call.
package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker/cli/cli"
	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli-plugins/plugin"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.opentelemetry.io/otel"
)

const name = "openhands"

// Main runs the command line of this process until it ends or ctx is done, and
// returns the exit status.
func Main(ctx context.Context, own Release) int {
	if plugin.RunningStandalone() {
		os.Args = withName(os.Args)
	}
	// Telemetry of the docker command says by itself what an error says below.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	dockerCLI, err := command.NewDockerCli(command.WithBaseContext(ctx))
	if err != nil {
		fmt.Fprintln(os.Stderr, terminal.Text(err.Error()))
		return 1
	}
	err = plugin.RunPlugin(dockerCLI, newRoot(ctx, dockerCLI, own), metadata.Metadata{
		SchemaVersion:    "0.1.0",
		Vendor:           "The docker-openhands authors",
		Version:          own.Version,
		ShortDescription: "Runtime images for OpenHands over any base",
	})
	if err == nil {
		return 0
	}
	var status cli.StatusError
	var unknown *pflag.NotExistError
	// Docker's own flags, which stand before the command.
	if errors.As(err, &status) && status.StatusCode == 125 || errors.As(err, &unknown) {
		err = problem.WithHelp("docker openhands", problem.Usagef("%v", err))
	}
	err = problem.Final(ctx, err)
	writeFailure(dockerCLI.Err(), err, forPrograms(os.Args[1:]))
	return problem.ExitStatus(err)
}

// withName puts the plugin's name where the docker command would have it, in
// arguments of a call without docker.
func withName(args []string) []string {
	at := 1
	if len(args) > 1 && strings.HasPrefix(args[1], cobra.ShellCompRequestCmd) {
		at = 2
	}
	if len(args) > at && args[at] == name {
		return args
	}
	return slices.Insert(slices.Clone(args), at, name)
}

func newRoot(ctx context.Context, dockerCLI command.Cli, own Release) *cobra.Command {
	var showVersion bool
	root := &cobra.Command{
		Use:   name,
		Short: "Runtime images for OpenHands over any base",
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			if err := plugin.PersistentPreRunE(cmd, args); err != nil {
				return err
			}
			both, cancel := context.WithCancel(cmd.Context())
			context.AfterFunc(ctx, cancel)
			cmd.SetContext(both)
			return nil
		},
		Args: noSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if showVersion {
				return writeOwnVersion(dockerCLI.Out(), own)
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVar(&showVersion, "version", false, "Print the version of the plugin and of OpenHands")
	root.SetFlagErrorFunc(badFlag)
	for _, group := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"Images", []*cobra.Command{
			newBatch(dockerCLI), newBuild(dockerCLI), newDeps(dockerCLI), newInspect(dockerCLI), newLs(dockerCLI), newPrune(dockerCLI), newRebase(dockerCLI), newTags(dockerCLI),
			newVerify(dockerCLI),
		}},
		{"Servers", []*cobra.Command{newLogs(dockerCLI), newPs(dockerCLI), newRun(dockerCLI), newStop(dockerCLI)}},
		{"OpenHands and its clients", []*cobra.Command{newConfig(dockerCLI), newMigrate(dockerCLI), newUse(dockerCLI)}},
		{"Components and programs", []*cobra.Command{newBundle(dockerCLI), newComponents(dockerCLI)}},
		{"Help", []*cobra.Command{newCompletion(dockerCLI), newExplain(dockerCLI), newHelp(), newVersion(dockerCLI, own)}},
	} {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title})
		for _, cmd := range group.commands {
			cmd.GroupID = group.title
			root.AddCommand(cmd)
		}
	}
	root.SetUsageFunc(func(cmd *cobra.Command) error { return writeUsage(cmd, dockerCLI.Out()) })
	completeAll(root, dockerCLI)
	finishErrors(root)
	return root
}

// finishErrors gives the errors of all commands what only the command that was
// called knows: its name, and its context, which also ends with the docker
// command.
func finishErrors(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			return problem.WithHelp(cmd.CommandPath(), check(cmd, args))
		}
	}
	for _, do := range []*func(*cobra.Command, []string) error{&cmd.PreRunE, &cmd.RunE} {
		if inner := *do; inner != nil {
			*do = func(cmd *cobra.Command, args []string) error {
				return problem.WithHelp(cmd.CommandPath(), problem.Classify(cmd.Context(), inner(cmd, args)))
			}
		}
	}
	for _, sub := range cmd.Commands() {
		finishErrors(sub)
	}
}

// noSubcommand refuses the arguments of a command that only groups others.
func noSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return unknownCommand(cmd, args[0])
}

// arguments refuses a number of arguments other than min to max.
func arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= most {
			return nil
		}
		given := "no argument"
		if len(args) > 0 {
			given = count(len(args), "argument")
		}
		return problem.Usagef("'%s' got %s, but it is '%s %s'", cmd.CommandPath(), given, cmd.Parent().CommandPath(), cmd.Use)
	}
}
