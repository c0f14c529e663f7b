package command

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/client"
	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/sandbox"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

func newVerify(dockerCLI command.Cli) *cobra.Command {
	var how buildOptions
	var live, asJSON bool
	var as []string
	cmd := &cobra.Command{
		Use:   "verify IMAGE",
		Short: "Check that an image and its payload are as they were built",
		Long: `Checks an image that 'docker openhands build' made, or one that was built on top
of it: its settings, that the payload is complete and sealed, and who may read
and write it. Nothing of the image runs for that. With --live the server is
started as OpenHands does, and once more under a user ID that the image does
not know; each component then has to show that it works.

With --as the server is started as clients of OpenHands start it, one after the
other, each with its program, user, limits and time: it has to be alive in that
time, run a command, keep a file, open a page, tell where VS Code is, and end.
The clients are those of 'docker openhands use'.`,
		Example: `  docker openhands verify my/image
  docker openhands verify --live --json my/image
  docker openhands verify --as app,enterprise my/image
  docker openhands verify --as all my/image`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := how.session(cmd.Context(), dockerCLI, "")
			if err != nil {
				return err
			}
			start := time.Now()
			chosen, err := client.Choose(as)
			if err != nil {
				return err
			}
			found, err := b.Find(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			trials := sandbox.Trials{Live: live}
			if trials.As, err = startsOf(chosen, args[0], found); err != nil {
				return err
			}
			servers := sandbox.Client{Engine: b.Engine, View: b.View()}
			told := live || len(trials.As) > 0
			if told && !asJSON {
				fmt.Fprintf(dockerCLI.Out(), findingForm, "CHECK", "RESULT", "WHAT WAS FOUND")
				servers.Found = func(f payload.Finding) { writeFinding(dockerCLI.Out(), f) }
			}
			report, err := servers.Verify(cmd.Context(), args[0], found, trials)
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				err = document.Write(dockerCLI.Out(), document.Verification{Report: report})
			case told: // the rest is there already
				err = errors.Join(writeCures(dockerCLI.Out(), report), writeClients(dockerCLI.Out(), report.Clients))
			default:
				err = writeReport(dockerCLI.Out(), report)
			}
			if err != nil {
				return err
			}
			if err := verdict(report); err != nil || asJSON {
				return err
			}
			return writePassed(dockerCLI.Err(), report, found.Labels()[payload.LabelKind], time.Since(start))
		},
	}
	cmd.Flags().BoolVar(&live, "live", false, "Start the server, too, and let every component show that it works")
	cmd.Flags().StringSliceVar(&as, "as", nil, "Start the server as these clients of OpenHands do, comma-separated, or as all of them")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.Flags().StringVar(&how.pull, "pull", string(builder.PullMissing), "When to ask registries for the image: always, missing, never")
	cmd.Flags().StringVar(&how.progress, "progress", "auto", "Progress output: auto, plain, tty, quiet, rawjson")
	annotate(cmd.Flags(), map[string]facts{
		"as":       {suggests: suggestClients},
		"pull":     {call: true, choices: pullChoices()},
		"progress": {call: true, choices: progressChoices()},
	})
	return cmd
}

// verdict is an error for an image that failed.
func verdict(r verify.Report) error {
	if r.Passed {
		return nil
	}
	return problem.New(problem.NotVerified, fmt.Sprintf("%s is not as it should be (%d of %d findings)", r.Image, r.Failures(), len(r.Findings)), nil,
		"Each finding says what to do")
}

// writeReport prints a table, then whole what was found where it is not as it
// should be, and the cure.
func writeReport(w io.Writer, r verify.Report) error {
	table := terminal.NewTable(w)
	table.Fit()
	table.Row("CHECK", "RESULT", "WHAT WAS FOUND")
	for _, f := range r.Findings {
		table.Row(f.Check, string(f.Status), f.Detail)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, f := range r.Findings {
		if table.Fits() && f.Status != payload.StatusOK {
			if _, err := fmt.Fprintln(w, terminal.Line(f.Check+": "+f.Detail)); err != nil {
				return err
			}
		}
	}
	return writeCures(w, r)
}

// findingForm is that of a row which is written before the others are known, and
// besideDetail how wide it is without its last cell.
const (
	findingForm  = "%-38s  %-7s  %s\n"
	besideDetail = 38 + 2 + 7 + 2
)

// writeFinding writes a row. At a terminal it fits, unless something is wrong,
// which is told whole.
func writeFinding(w io.Writer, f payload.Finding) {
	detail := terminal.Line(f.Detail)
	if f.Status == payload.StatusOK {
		detail = terminal.Beside(w, besideDetail, detail)
	}
	fmt.Fprintf(w, findingForm, terminal.Line(f.Check), terminal.Line(string(f.Status)), detail)
}

// writeCures prints the cure of each finding that needs one.
func writeCures(w io.Writer, r verify.Report) error {
	told := map[string]bool{}
	for _, f := range r.Findings {
		if line := fmt.Sprintf("%s: %s", f.Check, f.Cure); f.Cure != "" && !told[line] {
			told[line] = true
			if _, err := fmt.Fprintln(w, terminal.Line("cure of "+line)); err != nil {
				return err
			}
		}
	}
	return nil
}

// writePassed says that an image is as it should be, and what comes next.
func writePassed(w io.Writer, r verify.Report, kind string, took time.Duration) error {
	next := "Start it:  docker openhands run " + r.Image
	switch {
	case kind == payload.KindDeps:
		next = "Use it:    docker openhands build --deps-image " + r.Image + " alpine:3.20"
	case !r.Live:
		next = "Try its server, too: docker openhands verify --live " + r.Image
	}
	_, err := fmt.Fprintf(w, "\n%s\n%s\n", terminal.Line(fmt.Sprintf("%s passed: %s in %.1f s", r.Image, count(len(r.Findings), "finding"), took.Seconds())), terminal.Line(next))
	return err
}
