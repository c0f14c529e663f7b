package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

func newVerify(dockerCLI command.Cli) *cobra.Command {
	var how buildOptions
	var live, asJSON bool
	cmd := &cobra.Command{
		Use:   "verify IMAGE",
		Short: "Check that an image and its payload are as they were built",
		Long: `Checks an image that 'docker openhands build' made, or one that was built on top
of it: its settings, that the payload is complete and sealed, and who may read
and write it. Nothing of the image runs for that. With --live the server is
started as OpenHands does, and once more under a user ID that the image does
not know; each component then has to show that it works.`,
		Example: `  docker openhands verify my/image
  docker openhands verify --live --json my/image`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := how.session(cmd.Context(), dockerCLI, "")
			if err != nil {
				return err
			}
			report, err := examine(cmd.Context(), b, args[0], live)
			if err != nil {
				return problem.Classify(cmd.Context(), err)
			}
			if asJSON {
				err = writeJSON(dockerCLI.Out(), report)
			} else {
				err = writeReport(dockerCLI.Out(), report)
			}
			if err != nil {
				return err
			}
			return verdict(report)
		},
	}
	cmd.Flags().BoolVar(&live, "live", false, "Start the server, too, and let every component show that it works")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.Flags().StringVar(&how.pull, "pull", string(builder.PullMissing), "When to ask registries for the image: always, missing, never")
	cmd.Flags().StringVar(&how.progress, "progress", "auto", "Progress output: auto, plain, tty, quiet, rawjson")
	complete(cmd)
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

// examine makes all checks of an image.
func examine(ctx context.Context, b *builder.Builder, image string, live bool) (verify.Report, error) {
	facts, id, err := b.Examine(ctx, image)
	if err != nil {
		return verify.Report{}, err
	}
	findings := verify.Static(facts)
	var servers []verify.Server
	live = live && facts.Labels[payload.LabelKind] == payload.KindRuntime
	if live {
		manifest, _ := verify.ReadManifest(facts.Manifest) // its faults are among the findings
		for _, start := range liveStarts(builder.ImageUser(facts.Labels)) {
			found, server, err := start.run(ctx, b, image, manifest.Components)
			if err != nil {
				return verify.Report{}, err
			}
			findings = append(findings, found...)
			servers = append(servers, server...)
		}
	}
	report := verify.NewReport(image, id, findings)
	report.Live, report.Servers = live, servers
	return report, nil
}

// liveStart is a way to start the server of an image, and who then proves that
// the components work.
type liveStart struct {
	account string // for people
	start   func(context.Context, *builder.Builder, string) (*builder.Server, error)
	user    string // of the proofs
	cure    string // where the server does not start
}

// liveStarts are those for the image's own user and for one that it does not
// know.
func liveStarts(user string) []liveStart {
	return []liveStart{
		{"user " + user, func(ctx context.Context, b *builder.Builder, image string) (*builder.Server, error) {
			return b.Start(ctx, image, 0)
		}, user, "'docker openhands run IMAGE' shows its log"},
		{"user ID " + builder.AnyUser, func(ctx context.Context, b *builder.Builder, image string) (*builder.Server, error) {
			return b.StartAnyUser(ctx, image)
		}, builder.AnyUser, "run the image as root or as " + user + " until then"},
	}
}

// Limits of what a live check waits for.
const (
	aliveLimit = 5 * time.Minute
	proofLimit = 2 * time.Minute
)

func (l liveStart) run(ctx context.Context, b *builder.Builder, image string, components []payload.Component) (findings []verify.Finding, servers []verify.Server, err error) {
	alive := verify.Finding{Check: "server, " + l.account, Status: verify.Failed, Cure: l.cure}
	begin := time.Now()
	server, err := l.start(ctx, b, image)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, err
		}
		alive.Detail = oneLine(err)
		return []verify.Finding{alive}, nil, nil
	}
	defer func() { err = errors.Join(err, server.Stop(context.WithoutCancel(ctx))) }()
	limited, cancel := context.WithTimeoutCause(ctx, aliveLimit, fmt.Errorf("not alive after %s", aliveLimit))
	defer cancel()
	if err := server.WaitAlive(limited); err != nil {
		if ctx.Err() != nil {
			return nil, nil, err
		}
		if cause := context.Cause(limited); cause != nil {
			err = cause
		}
		alive.Detail = oneLine(err)
		return []verify.Finding{alive}, nil, nil
	}
	seconds := time.Since(begin).Seconds()
	alive = verify.Finding{Check: alive.Check, Status: verify.OK, Detail: fmt.Sprintf("alive after %.1f s", seconds)}
	findings = append(findings, alive)
	for _, c := range components {
		if len(c.Proof) == 0 {
			continue
		}
		proof := verify.Proof{Component: c.Name, Argv: c.Proof}
		proof.Status, proof.Output, proof.Err = server.Exec(ctx, l.user, c.Proof, proofLimit)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		findings = append(findings, proof.Finding(l.account))
	}
	return findings, []verify.Server{{Account: l.account, Seconds: seconds}}, nil
}

// oneLine is an error without its lines' ends: the last thing that a server
// said is what counts.
func oneLine(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) > 3 {
		lines = append(lines[:1], lines[len(lines)-2:]...)
	}
	return strings.Join(lines, " | ")
}

// writeReport prints a table, then the cure of each finding that needs one.
func writeReport(w io.Writer, r verify.Report) error {
	table := newTable(w)
	table.row("CHECK", "RESULT", "WHAT WAS FOUND")
	for _, f := range r.Findings {
		table.row(f.Check, string(f.Status), f.Detail)
	}
	if err := table.flush(); err != nil {
		return err
	}
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
