package command

import (
	"context"
	"errors"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

func newBuild(dockerCLI command.Cli) *cobra.Command {
	var runtimes runtimeOptions
	var how buildOptions
	var mode modeOptions
	var old traditionalOptions
	var to destinationOptions
	var dry dryRun
	cmd := &cobra.Command{
		Use:   "build BASE [BASE...]",
		Short: "Build runtime images over one or more bases",
		Long: `Builds a runtime image over each base. "build BASE" and "build --base BASE" mean
the same.

A --tag can have placeholders for what differs between images: {base}, also
{base.slug}, is the base in a form that fits behind a colon and that no other
base has; {base.name} and {base.tag} are its two parts, {base.image} the last
part of its name; {repo} is --repository;
{server}, {version} and {deps} are the payload's. A name that belongs to an
image of somebody else's is refused before anything is done.`,
		Example: `  docker openhands build alpine:3.20
  docker openhands build --server agent-server alpine:3.20
  docker openhands build --dry-run alpine:3.20
  docker openhands build --base debian:12 --base scratch --without browser
  docker openhands build --bases bases.txt --tag team/eval:{base}
  docker openhands build --base alpine:3.20 --push --tag registry.example/app:1
  docker openhands build --platform linux/amd64,linux/arm64 --push --tag registry.example/app:1 alpine:3.20
  docker openhands build --base alpine:3.20 --output type=docker,dest=app.tar
  docker openhands build --mode traditional --source ~/OpenHands --base debian:12`,
		ValidArgsFunction: completeImages(dockerCLI, engine.BaseNames, -1),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := mode.check(cmd, &runtimes); err != nil {
				return err
			}
			if mode.mode == modeTraditional {
				if dry.dockerfile {
					return problem.New(problem.Usage, "--print-dockerfile is not for the traditional mode", nil, "'docker openhands tags --print-dockerfile' prints it")
				}
				return buildTraditional(cmd.Context(), dockerCLI, traditionalBuild{&runtimes, &how, &mode, &old, dry.plan})
			}
			if len(runtimes.bases) == 0 {
				return problem.New(problem.Usage, "no base is given", nil, "Name one: 'docker openhands build alpine:3.20', or scratch for none")
			}
			var err error
			if how.output, err = to.destination(cmd, dockerCLI, how.json, len(runtimes.bases)); err != nil {
				return err
			}
			if dry.wanted() {
				return dry.run(cmd.Context(), dockerCLI, &runtimes, &how)
			}
			return build(cmd.Context(), dockerCLI, &runtimes, &how)
		},
	}
	runtimes.flags(cmd.Flags())
	how.flags(cmd.Flags())
	how.quietFlag(cmd.Flags())
	mode.flags(cmd.Flags())
	old.flags(cmd.Flags())
	dry.flags(cmd.Flags())
	to.flags(cmd.Flags())
	severalBases(cmd, dockerCLI, "bases", &runtimes)
	configurable(cmd, dockerCLI)
	acceptOldSpellings(cmd.Flags())
	return cmd
}

// basesOf takes the arguments of a command for values of its flag --base.
func basesOf(cmd *cobra.Command, args []string) error {
	for _, base := range args {
		if err := cmd.Flags().Set("base", base); err != nil {
			return err
		}
	}
	return nil
}

func build(ctx context.Context, dockerCLI command.Cli, runtimes *runtimeOptions, how *buildOptions) error {
	session := how.session
	if len(runtimes.bases) == 0 { // a payload is made on either platform for either
		session = how.sessionFor
	}
	b, err := session(ctx, dockerCLI, runtimes.platform)
	if err != nil {
		return err
	}
	if runtimes.extraDeps != "" && how.progress != "quiet" {
		if err := judgeBefore(ctx, dockerCLI, b, runtimes); err != nil {
			return err
		}
	}
	start := time.Now()
	results, err := how.build(ctx, b, runtimes)
	if err := errors.Join(err, how.show(ctx, b, dockerCLI.Out(), results)); err != nil {
		return err
	}
	return how.showNext(dockerCLI.Err(), how.outcomeOf(ctx, b, runtimes, results, time.Since(start)))
}
