package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker/cli/cli/command"
	"github.com/docker/go-units"
	"github.com/spf13/pflag"
)

// dryRun are the ways to see what a build would do.
type dryRun struct {
	plan       bool
	dockerfile bool
}

func (d *dryRun) flags(f *pflag.FlagSet) {
	f.BoolVar(&d.plan, "dry-run", false, "Say what is there, what would be built, how large it is and how long it takes, and build nothing; where a push would go is asked")
	f.BoolVar(&d.dockerfile, "print-dockerfile", false, "Print the Dockerfile that a build stands for, and build nothing")
	annotate(f, map[string]facts{"dry-run": {group: groupHow, call: true}, "print-dockerfile": {group: groupHow, call: true}})
}

func (d *dryRun) wanted() bool { return d.plan || d.dockerfile }

// run makes the checks of a build and says what it would do. It asks the
// engine, if there is one, and of registries those that a push would go to.
func (d *dryRun) run(ctx context.Context, dockerCLI command.Cli, runtimes *runtimeOptions, how *buildOptions) error {
	b, err := how.settled(dockerCLI)
	if err != nil {
		return err
	}
	p, e, err := runtimes.sketch(ctx, dockerCLI, how.output == nil)
	if err != nil {
		return err
	}
	if d.dockerfile {
		return writeDockerfile(dockerCLI.Out(), p)
	}
	b.Engine = e
	b.CLI, b.Log = dockerCLI, dockerCLI.Err()
	if err := b.Check(ctx, p); err != nil {
		return err
	}
	expected, err := b.Expect(ctx, p)
	if err != nil {
		return err
	}
	if err := judgeExtraDeps(ctx, b, runtimes.extraDeps, expected, notes(dockerCLI)); err != nil {
		return err
	}
	switch {
	case how.json:
		return document.Write(dockerCLI.Out(), document.Plan{Images: expected, Plan: p})
	}
	return writeExpected(dockerCLI.Out(), p, expected, e.Absent)
}

// writeDockerfile prints the Dockerfile of the one image that a plan is about.
func writeDockerfile(w io.Writer, p plan.Plan) error {
	text := p.Deps.Dockerfile
	switch {
	case len(p.Runtimes) == 1:
		text = p.Runtimes[0].Dockerfile
	case len(p.Platforms) > 0 && len(p.Runtimes) == 0:
		return problem.New(problem.Usage, "--print-dockerfile is for one payload, and each platform of "+p.Platform()+" has its own", nil, "Name one --platform")
	case len(p.Runtimes) > 1:
		return problem.New(problem.Usage, fmt.Sprintf("--print-dockerfile is for one image, but there are %d bases", len(p.Runtimes)), nil, "Name one base")
	}
	_, err := io.WriteString(w, terminal.Text(text))
	return err
}

// writeExpected prints what a build would do about each image, platform by
// platform. Absent is why there is no engine, and nothing is known of what it has.
func writeExpected(w io.Writer, p plan.Plan, expected []builder.Expected, absent error) error {
	var b strings.Builder
	if len(p.Platforms) == 0 {
		writeExpectedOf(&b, p, expected, absent)
	}
	for _, one := range p.Platforms {
		fmt.Fprintf(&b, "%s\n", one.Plan().Platform())
		images := min(1+len(one.Runtimes), len(expected))
		writeExpectedOf(&b, one.Plan(), expected[:images], absent)
		expected = expected[images:]
	}
	if absent != nil {
		b.WriteString("No engine answers: what it has is not known\n")
	}
	_, err := io.WriteString(w, terminal.Text(b.String()))
	return err
}

// writeExpectedOf prints what would be done about the images of one platform.
func writeExpectedOf(b *strings.Builder, p plan.Plan, expected []builder.Expected, absent error) {
	for i, e := range expected {
		name, about := "deps image", fmt.Sprintf("OpenHands %s, %s, %s", p.Deps.Version, p.Deps.Server, e.Platform)
		would := "built"
		given := ""
		if i == 0 && p.Deps.Given {
			given, would = " (given)", "pulled"
		}
		if i > 0 {
			name, would = "image", "made"
			about = fmt.Sprintf("over %s, layers %s", e.Base, p.Runtimes[i-1].LayerOrder)
			if !e.BaseExists && absent == nil {
				about += "; the base is not in the engine and would be pulled"
			}
		}
		fmt.Fprintf(b, "%-11s %s%s\n  %s\n", name, e.References[0], given, about)
		if e.Asked && would != "pulled" {
			would += ", unless its registry has it"
		}
		for _, ref := range e.References[1:] {
			fmt.Fprintf(b, "  also %s\n", ref)
		}
		if i == 0 {
			if len(p.Deps.Components) > 0 {
				fmt.Fprintf(b, "  components %s\n", strings.Join(p.Deps.Components, ", "))
			}
			for _, line := range p.Deps.LeftOut {
				fmt.Fprintf(b, "  without %s\n", line)
			}
		}
		if absent == nil && !e.Exists {
			would = "not in the engine: " + would
		}
		fmt.Fprintf(b, "  %s\n", outlook(e, would))
	}
}

// outlook is what would be done about an image, and what that takes.
func outlook(e builder.Expected, would string) string {
	about := "about "
	if e.Exists {
		would, about = "in the engine: nothing to do", ""
	}
	if !e.Exists && e.Seconds > 0 {
		would += fmt.Sprintf(", %s the last time", spoken(e.Seconds))
	}
	if e.Size > 0 {
		would += ", " + about + units.HumanSize(float64(e.Size))
	}
	return would
}

// spoken is a number of seconds for people.
func spoken(seconds float64) string {
	if seconds < 60 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}
