package command

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// verifyOptions are the flags of verify.
type verifyOptions struct {
	prefix, root, allow string
	asJSON, trace       bool
	permissions         bool
}

func verifyCommand(flags *flag.FlagSet) func(context.Context, io.Writer, []string) error {
	var opt verifyOptions
	flags.BoolVar(&opt.asJSON, "json", false, "print the report as JSON")
	flags.BoolVar(&opt.trace, traceFlag, false, "run the program that follows, with its arguments, and fail if it opens a file of the system below")
	flags.BoolVar(&opt.permissions, "permissions", false, "check owners and modes, too; --allow does not excuse them")
	flags.StringVar(&opt.root, "root", "", "`directory` that stands for /; DIR is then the folder in it that the tree occupies")
	flags.StringVar(&opt.allow, "allow", "", "a `file` of exceptions, lines \"/path/pattern: reason\"")
	prefix := prefixFlag(flags)
	return func(ctx context.Context, stdout io.Writer, args []string) error {
		opt.prefix = *prefix
		allow, err := readAllowances(opt.allow)
		if err != nil {
			return err
		}
		if opt.trace {
			return opt.runTraced(ctx, stdout, args, allow)
		}
		dir, err := one(args)
		if err != nil {
			return err
		}
		if opt.root != "" {
			if opt.prefix, err = bundler.CleanPrefix(dir); err != nil {
				return UsageError{error: err}
			}
			dir = opt.root
		}
		report, err := bundler.Verify(ctx, dir, bundler.VerifyOptions{Prefix: opt.prefix, Links: payload.OutsideLinks(), Allow: allow})
		if err != nil {
			return err
		}
		if opt.permissions {
			findings, err := bundler.Permissions(ctx, dir, opt.prefix)
			if err != nil {
				return err
			}
			report.Offenders = append(report.Offenders, findings...)
		}
		if opt.asJSON {
			err = printDocument(stdout, report)
		} else {
			printVerify(stdout, report)
		}
		if n := len(report.Offenders); n > 0 && err == nil {
			return nof("%s is not sealed: %s", dir, plural(n, "finding"))
		}
		return err
	}
}

func readAllowances(name string) ([]bundler.Allowance, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	allow, err := bundler.ParseAllowances(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return allow, nil
}

// runTraced runs a program with this process's input and standard error. What
// it prints goes to standard error as well, so that the report is alone.
func (opt verifyOptions) runTraced(ctx context.Context, stdout io.Writer, argv []string, allow []bundler.Allowance) error {
	if len(argv) == 0 {
		return usagef("--trace takes a program")
	}
	report, err := bundler.Trace(ctx, argv, bundler.TraceOptions{
		Prefix: opt.prefix, Root: opt.root, Allow: allow,
		Stdin: os.Stdin, Stdout: os.Stderr, Stderr: os.Stderr,
	})
	if err != nil {
		return err
	}
	if opt.asJSON {
		if err := printDocument(stdout, report); err != nil {
			return err
		}
	} else {
		printFindings(stdout, report.Excused, report.Unused, report.Offenders)
		fmt.Fprintf(stdout, "%s started, files of %s opened %s, %s\n", plural(len(report.Programs), "program"),
			opt.prefix, plural(report.Opened, "time"), plural(len(report.Offenders), "offender"))
	}
	switch n := len(report.Offenders); {
	case n > 0:
		return nof("%s needs the system below: %s", argv[0], plural(n, "finding"))
	case report.Status != 0:
		return fmt.Errorf("%s ended with status %d", argv[0], report.Status)
	}
	return nil
}

func printFindings(w io.Writer, excused []bundler.Finding, unused []string, offenders []bundler.Finding) {
	for _, f := range excused {
		fmt.Fprintf(w, "excused: %s: %s: %s (%s)\n", f.Path, f.Rule, f.Detail, f.Reason)
	}
	for _, pattern := range unused {
		fmt.Fprintf(w, "exception not needed: %s\n", pattern)
	}
	for _, f := range offenders {
		fmt.Fprintf(w, "OFFENDER: %s: %s: %s\n", f.Path, f.Rule, f.Detail)
	}
}

func printVerify(w io.Writer, r *bundler.VerifyReport) {
	for _, n := range r.Scripts {
		fmt.Fprintf(w, "script: %s: %s\n", n.Path, n.Text)
	}
	for _, p := range r.Foreign {
		fmt.Fprintf(w, "foreign: %s\n", p)
	}
	printFindings(w, r.Excused, r.Unused, r.Offenders)
	fmt.Fprintf(w, "%s, %s, %s, %s\n", r.Libc, plural(r.Objects, "dynamic ELF file"), plural(len(r.Static), "static one"), plural(len(r.Offenders), "offender"))
}
