package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/cli-plugin/traditional"
	"github.com/docker/cli/cli/command"
	"github.com/moby/buildkit/util/progress/progressui"
	"github.com/spf13/cobra"
)

// tagReport holds the names over one base, and the Dockerfile that it has.
type tagReport struct {
	document.Names
	dockerfile string
}

func newTags(dockerCLI command.Cli) *cobra.Command {
	var runtimes runtimeOptions
	var mode modeOptions
	var asJSON, printDockerfile bool
	cmd := &cobra.Command{
		Use:   "tags [BASE...]",
		Short: "Print the names that a build would use",
		Long: `Prints the names that a build would use, and builds nothing. Of several
platforms they are those of the indexes that --push writes, and the names that
each platform's payload has besides.`,
		Example: `  docker openhands tags alpine:3.20
  docker openhands tags --platform linux/amd64,linux/arm64 alpine:3.20
  docker openhands tags --mode traditional --source ~/OpenHands debian:12`,
		ValidArgsFunction: completeImages(dockerCLI, engine.BaseNames, -1),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := mode.check(cmd, &runtimes); err != nil {
				return err
			}
			if printDockerfile && len(runtimes.bases) > 1 {
				return problem.New(problem.Usage, fmt.Sprintf("--print-dockerfile is for one image, but there are %d bases", len(runtimes.bases)), nil, "Name one base")
			}
			reports, err := mode.tags(cmd.Context(), dockerCLI, &runtimes, printDockerfile)
			if err != nil {
				return err
			}
			if printDockerfile {
				_, err := io.WriteString(dockerCLI.Out(), reports[len(reports)-1].dockerfile)
				return err
			}
			return writeTags(dockerCLI.Out(), reports, asJSON)
		},
	}
	runtimes.flags(cmd.Flags())
	mode.flags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.Flags().BoolVar(&printDockerfile, "print-dockerfile", false, "Print the Dockerfile of the image over its base instead")
	annotate(cmd.Flags(), map[string]facts{"json": {group: groupHow, call: true}, "print-dockerfile": {group: groupHow, call: true}})
	severalBases(cmd, dockerCLI, "bases", &runtimes)
	configurable(cmd, dockerCLI)
	acceptOldSpellings(cmd.Flags())
	return cmd
}

func (o *modeOptions) tags(ctx context.Context, dockerCLI command.Cli, runtimes *runtimeOptions, dockerfile bool) ([]tagReport, error) {
	if o.mode == modeTraditional {
		return o.traditionalTags(ctx, dockerCLI, runtimes, dockerfile)
	}
	p, _, err := runtimes.sketch(ctx, dockerCLI, false)
	if err != nil {
		return nil, err
	}
	return twoStageTags(runtimes.repository, p), nil
}

func (o *modeOptions) traditionalTags(ctx context.Context, dockerCLI command.Cli, runtimes *runtimeOptions, dockerfile bool) (_ []tagReport, err error) {
	view, err := viewOf(dockerCLI, string(progressui.AutoMode))
	if err != nil {
		return nil, err
	}
	images, closeSource, err := o.traditional(runtimes).Named(ctx, view)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeSource()) }()
	var reports []tagReport
	for _, image := range images {
		report := tagReport{Names: traditionalTags(image.Base, image.Names)}
		if dockerfile {
			if report.dockerfile, err = image.Dockerfile(image.Base, traditional.FromScratch); err != nil {
				return nil, err
			}
		}
		reports = append(reports, report)
	}
	return reports, nil
}

func traditionalTags(base string, n traditional.Names) document.Names {
	return document.Names{
		Base: base, Repository: n.Repository, SourceTag: n.Source, LockTag: n.Lock, VersionedTag: n.Versioned, OlderTag: n.Older,
		References: []string{n.Reference(n.Source), n.Reference(n.Lock), n.Reference(n.Versioned)},
	}
}

// twoStageTags reports on each base, or on the deps image alone without one.
func twoStageTags(repository string, p plan.Plan) []tagReport {
	payloads := []string{p.Deps.Image}
	for _, one := range p.Platforms {
		payloads = append(payloads, one.Deps.Image)
	}
	payloads = unique(payloads) // one that is given has its name for all
	deps := tagReport{document.Names{Repository: repository, DepsTag: p.Deps.Tag, References: payloads}, p.Deps.Dockerfile}
	if len(p.Runtimes) == 0 {
		return []tagReport{deps}
	}
	var reports []tagReport
	for _, r := range p.Runtimes {
		report := deps
		report.Base, report.RuntimeTag, report.dockerfile = r.Base, strings.TrimPrefix(r.Image, deps.Repository+":"), r.Dockerfile
		report.References = slices.Concat(payloads, r.References())
		reports = append(reports, report)
	}
	return reports
}

func writeTags(w io.Writer, reports []tagReport, asJSON bool) error {
	if asJSON {
		tags := document.Tags{Tags: []document.Names{}}
		for _, report := range reports {
			tags.Tags = append(tags.Tags, report.Names)
		}
		return document.Write(w, tags)
	}
	seen := map[string]bool{}
	for _, report := range reports {
		for _, ref := range report.References {
			if seen[ref] {
				continue
			}
			seen[ref] = true
			if _, err := fmt.Fprintln(w, terminal.Line(ref)); err != nil {
				return err
			}
		}
	}
	return nil
}
