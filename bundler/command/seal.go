package command

import (
	"context"
	"flag"
	"fmt"
	"io"
	"runtime"

	"github.com/docker-openhands/docker-openhands/bundler"
)

func sealCommand(flags *flag.FlagSet) func(context.Context, io.Writer, []string) error {
	arch := flags.String("arch", runtime.GOARCH, "`architecture` of the tree, as GOARCH spells it")
	dryRun := flags.Bool("dry-run", false, "print every edit and make none")
	asJSON := flags.Bool("json", false, "print the edits of --dry-run as JSON; the report of sealing always is")
	inPlace := flags.Bool("in-place", false, "write into the files instead of replacing each by an edited copy; for a tree that nothing else uses")
	prefix := prefixFlag(flags)
	return func(ctx context.Context, stdout io.Writer, args []string) error {
		dir, err := one(args)
		if err != nil {
			return err
		}
		machine, err := bundler.Machine(*arch)
		if err != nil {
			return UsageError{error: err}
		}
		s := bundler.Sealer{Prefix: *prefix, Machine: machine, InPlace: *inPlace}
		if *dryRun {
			return printPlan(ctx, stdout, s, dir, *asJSON)
		}
		report, err := s.Seal(ctx, dir)
		if report != nil {
			if err := printDocument(stdout, report); err != nil {
				return err
			}
		}
		return err
	}
}

// printPlan prints what sealing would do. Files that cannot be sealed make it
// fail, as they would make sealing fail.
func printPlan(ctx context.Context, stdout io.Writer, s bundler.Sealer, dir string, asJSON bool) error {
	plan, err := s.Plan(ctx, dir)
	if err != nil {
		return err
	}
	if asJSON {
		if err := printDocument(stdout, plan); err != nil {
			return err
		}
		return plan.Err()
	}
	for _, p := range plan.Patches {
		fmt.Fprintf(stdout, "%s\t%#x\t%s\t%s\t%s\n", p.Path, p.Offset, p.Old, p.New, p.Reason)
	}
	r := plan.Report
	for _, n := range r.Notes {
		fmt.Fprintf(stdout, "note: %s: %s\n", n.Path, n.Text)
	}
	_, err = fmt.Fprintf(stdout, "%s in %s; %s sealed already\n", plural(len(plan.Patches), "edit"), plural(r.Sealed, "file"), plural(r.Already, "file"))
	if err != nil {
		return err
	}
	return plan.Err()
}
