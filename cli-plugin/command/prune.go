package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker/cli/cli/command"
	"github.com/docker/go-units"
	"github.com/spf13/cobra"
)

type pruneOptions struct {
	listOptions
	dryRun, force, all bool
}

func newPrune(dockerCLI command.Cli) *cobra.Command {
	var o pruneOptions
	cmd := &cobra.Command{
		Use:        "prune",
		SuggestFor: []string{"rm", "rmi", "remove"},
		Short:      "Remove images that newer ones took the place of",
		Long: `Removes payloads and runtime images that no container uses and that have no
name, or of which the engine has a newer one: of the same version, over the same
base. A payload stays as long as a runtime image made from it stays. Images with
a name that you gave stay, and those that you built on top. What is removed is
shown first.

With --all, everything goes that no container uses and that you have not built
on, whatever its name. Filters, which are those of 'docker openhands ls', leave
what they do not match.`,
		Example: `  docker openhands prune --dry-run
  docker openhands prune --all --filter base=registry.example/instances/*`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return o.run(cmd.Context(), dockerCLI)
		},
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "Show what would be removed, and remove nothing")
	cmd.Flags().BoolVarP(&o.force, "force", "f", false, "Do not ask")
	cmd.Flags().BoolVarP(&o.all, "all", "a", false, "Remove all images that no container uses")
	o.flags(cmd, "")
	for _, form := range []string{"json", "quiet", "format"} {
		cmd.Flags().Lookup(form).Usage += "; without --dry-run it needs --force"
	}
	return cmd
}

func (o pruneOptions) run(ctx context.Context, dockerCLI command.Cli) error {
	asks := !o.dryRun && !o.force
	if asks && (o.forPrograms() || !dockerCLI.In().IsTerminal()) {
		return problem.New(problem.Usage, "there is nobody to ask whether images may be removed", nil, "Say --force, or look first with --dry-run")
	}
	e, err := connect(ctx, dockerCLI)
	if err != nil {
		return err
	}
	if !o.dryRun {
		if err := e.Sweep(ctx); err != nil {
			return err
		}
	}
	inventory, err := e.Inventory(ctx)
	if err != nil {
		return err
	}
	p := document.Prune{Images: inventory.Removable(o.all, inventory.Passes(o.filter.Value()))}
	var images []engine.Stored
	for _, img := range p.Images {
		images = append(images, img.Stored)
	}
	p.Bytes = inventory.Freed(images)
	if !o.json {
		if err := o.writePruned(dockerCLI.Out(), p); err != nil {
			return err
		}
	}
	if len(images) > 0 && !o.dryRun {
		if asks {
			yes, err := confirm(ctx, dockerCLI.In(), dockerCLI.Out(), "Remove them? [y/N] ")
			if err != nil || !yes {
				return err
			}
		}
		if err := meanwhile(dockerCLI, "removing "+count(len(images), "image"), func() error { return remove(ctx, e, images) }); err != nil {
			return err
		}
		p.Removed = true
	}
	if o.json {
		return document.Write(dockerCLI.Out(), p)
	}
	if p.Removed && !o.forPrograms() {
		_, err = fmt.Fprintf(dockerCLI.Out(), "Removed %s: %s\n", count(len(images), "image"), units.HumanSize(float64(p.Bytes)))
	}
	return err
}

// remove removes as many of the images as can be.
func remove(ctx context.Context, e *engine.Engine, images []engine.Stored) error {
	var errs []error
	for _, img := range images {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		errs = append(errs, e.Remove(ctx, img))
	}
	return errors.Join(errs...)
}

func (o *listOptions) writePruned(w io.Writer, p document.Prune) error {
	if o.forPrograms() {
		return o.write(w, p.Images)
	}
	if len(p.Images) == 0 {
		_, err := fmt.Fprintln(w, "There is nothing to remove")
		return err
	}
	table := terminal.NewTable(w)
	if !o.noTrunc {
		table.Fit("ID", "TAGGED")
	}
	table.Row("IMAGE", "ID", "TAGGED", "OWN", "WHY")
	for _, img := range p.Images {
		table.Row(nameOf(img.Stored), imageID(img.ID, !o.noTrunc), ago(img.Tagged), units.HumanSize(float64(img.Own)), img.Why)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nRemoving %s frees %s\n", count(len(p.Images), "image"), units.HumanSize(float64(p.Bytes)))
	return err
}

// confirm asks a person. Anything but y and yes is a no.
func confirm(ctx context.Context, in io.Reader, out io.Writer, question string) (bool, error) {
	if _, err := io.WriteString(out, question); err != nil {
		return false, err
	}
	answered := make(chan string, 1)
	go func() {
		answer, _ := bufio.NewReader(in).ReadString('\n') // no answer is a no
		answered <- strings.ToLower(strings.TrimSpace(answer))
	}()
	select {
	case answer := <-answered:
		return answer == "y" || answer == "yes", nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
