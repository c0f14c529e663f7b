package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// batchOptions say how many images are made.
type batchOptions struct {
	templates []string
	jobs      int
	retries   int
	timeLimit time.Duration
	manifest  string
}

func (o *batchOptions) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&o.templates, "tag-template", nil, "Name of each image, a pattern such as team/eval:{base}; the same as --tag")
	f.IntVar(&o.jobs, "jobs", 4, "Images that are made at a time")
	f.IntVar(&o.retries, "retries", 5, "Further tries for an image whose registry fails for a while")
	f.DurationVar(&o.timeLimit, "time-limit", time.Hour, "Time for one image, all tries together; 0 for none")
	f.StringVar(&o.manifest, "manifest", "", "File that gets a line of JSON for each image when it is done, - for the standard output")
	annotate(f, map[string]facts{
		"tag-template": {group: groupTo, call: true},
		"jobs":         {group: groupHow, call: true},
		"retries":      {group: groupHow, call: true},
		"time-limit":   {group: groupHow, call: true},
		"manifest":     {group: groupTo, call: true, suggests: suggestFiles},
	})
}

func newBatch(dockerCLI command.Cli) *cobra.Command {
	var runtimes runtimeOptions
	var how buildOptions
	var to destinationOptions
	var many batchOptions
	cmd := &cobra.Command{
		Use:   "batch [BASE...]",
		Short: "Build runtime images over hundreds of bases",
		Long: `Builds a runtime image over each base, several at a time. The same command
again makes what is missing, and what was made of another base or payload than
today's: labels of the images decide, and no file of this machine. An image
that fails keeps no other from being made.

Each line of the list is a base, or an object with a base and its own tag:
{"base": "alpine:3.20", "tag": "team/eval:small"}. --tag-template has the
placeholders of 'docker openhands build'.`,
		Example: `  docker openhands batch --bases-file bases.txt --push --tag-template registry.example/eval:{base}
  docker openhands batch --bases-file - --jobs 8 --push --tag-template registry.example/eval:{base} --manifest made.jsonl
  docker openhands batch --bases-file bases.txt --server agent-server
  docker openhands batch --bases-file bases.txt --push --server agent-server --tag-template $OPENHANDS_EVAL_AGENT_SERVER_IMAGE:$IMAGE_TAG_PREFIX-{base.image}-source-minimal`,
		ValidArgsFunction: completeImages(dockerCLI, engine.BaseNames, -1),
		RunE: func(cmd *cobra.Command, _ []string) error {
			runtimes.tags = append(runtimes.tags, many.templates...)
			runtimes.serverChosen = cmd.Flags().Changed("server")
			if err := many.check(&runtimes, &how); err != nil {
				return err
			}
			var err error
			if how.output, err = to.destination(cmd, dockerCLI, how.json, len(runtimes.bases)); err != nil {
				return err
			}
			return batch(cmd.Context(), dockerCLI, &runtimes, &how, &many)
		},
	}
	runtimes.flags(cmd.Flags())
	how.flags(cmd.Flags())
	to.flags(cmd.Flags())
	many.flags(cmd.Flags())
	severalBases(cmd, dockerCLI, "bases-file", &runtimes)
	configurable(cmd, dockerCLI)
	return cmd
}

// maxJobs is how many images can be made at a time.
const maxJobs = 64

// check refuses options that make no sense.
func (o *batchOptions) check(runtimes *runtimeOptions, how *buildOptions) error {
	switch {
	case len(runtimes.bases) == 0:
		return problem.New(problem.Usage, "no base is given", nil, "Name a list of them with --bases-file, which can be - for the standard input")
	case o.jobs < 1 || o.jobs > maxJobs:
		return problem.Usagef("--jobs is %d, not a number from 1 to %d", o.jobs, maxJobs)
	case o.retries < 0:
		return problem.Usagef("--retries is %d, and cannot be less than 0", o.retries)
	case o.timeLimit < 0:
		return problem.Usagef("--time-limit is %s, and cannot be less than 0", o.timeLimit)
	case o.manifest == "-" && how.json:
		return problem.Usagef("--json and --manifest - both want the standard output")
	case o.manifest != "-":
		return checkWritable("--manifest", o.manifest)
	}
	return nil
}

func batch(ctx context.Context, dockerCLI command.Cli, runtimes *runtimeOptions, how *buildOptions, many *batchOptions) (err error) {
	b, err := how.session(ctx, dockerCLI, runtimes.platform)
	if err != nil {
		return err
	}
	lines, closeLines, err := many.open(dockerCLI.Out())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLines()) }()
	view := watch(b.View(), len(runtimes.bases))
	b.Jobs, b.Retries, b.TimeLimit, b.Terse = many.jobs, many.retries, many.timeLimit, true
	b.Each = func(r builder.Result) {
		view.add(r)
		if lines != nil {
			err = errors.Join(err, document.WriteLine(lines, document.BatchLine{Result: r}))
		}
	}
	results, failure := how.build(ctx, b, runtimes)
	view.end()
	switch {
	case err != nil:
		err = notWritable("--manifest", many.manifest, err)
	case how.json:
		err = how.show(ctx, b, dockerCLI.Out(), results)
	case many.manifest == "-" || how.progress == "quiet":
	default:
		_, err = fmt.Fprintln(dockerCLI.Out(), view.summary())
	}
	return errors.Join(failure, err)
}

// open opens the file that gets the lines; nil without one.
func (o *batchOptions) open(out io.Writer) (io.Writer, func() error, error) {
	switch o.manifest {
	case "":
		return nil, func() error { return nil }, nil
	case "-":
		return out, func() error { return nil }, nil
	}
	file, err := os.Create(o.manifest)
	if err != nil {
		return nil, nil, notWritable("--manifest", o.manifest, err)
	}
	return file, file.Close, nil
}
