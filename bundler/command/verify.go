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

// outsideLinks are the links of the payload that lead into the base on purpose.
func outsideLinks() map[string]string {
	return map[string]string{payload.Prefix + "/cert.pem": "/etc/ssl/certs/ca-certificates.crt"}
}

func verifyCommand(flags *flag.FlagSet) func(context.Context, io.Writer, []string) error {
	asJSON := flags.Bool("json", false, "print the report as JSON")
	permissions := flags.Bool("permissions", false, "check owners and modes, too")
	allow := flags.String("allow", "", "a `file` of exceptions, lines \"/path/pattern: reason\"")
	prefix := prefixFlag(flags)
	return func(ctx context.Context, stdout io.Writer, args []string) error {
		dir, err := one(args)
		if err != nil {
			return err
		}
		opt := bundler.VerifyOptions{Prefix: *prefix, Links: outsideLinks()}
		if *allow != "" {
			f, err := os.Open(*allow)
			if err != nil {
				return err
			}
			defer f.Close()
			if opt.Allow, err = bundler.ParseAllowances(f); err != nil {
				return fmt.Errorf("%s: %w", *allow, err)
			}
		}
		report, err := bundler.Verify(ctx, dir, opt)
		if err != nil {
			return err
		}
		if *permissions {
			findings, err := bundler.Permissions(ctx, dir, *prefix)
			if err != nil {
				return err
			}
			report.Offenders = append(report.Offenders, findings...)
		}
		if *asJSON {
			err = printJSON(stdout, report)
		} else {
			printVerify(stdout, report)
		}
		if n := len(report.Offenders); n > 0 && err == nil {
			return fmt.Errorf("%s is not sealed: %s", dir, plural(n, "finding"))
		}
		return err
	}
}

func printVerify(w io.Writer, r *bundler.VerifyReport) {
	for _, f := range r.Excused {
		fmt.Fprintf(w, "excused: %s: %s: %s (%s)\n", f.Path, f.Rule, f.Detail, f.Reason)
	}
	for _, pattern := range r.Unused {
		fmt.Fprintf(w, "exception not needed: %s\n", pattern)
	}
	for _, n := range r.Scripts {
		fmt.Fprintf(w, "script: %s: %s\n", n.Path, n.Text)
	}
	for _, p := range r.Foreign {
		fmt.Fprintf(w, "foreign: %s\n", p)
	}
	for _, f := range r.Offenders {
		fmt.Fprintf(w, "OFFENDER: %s: %s: %s\n", f.Path, f.Rule, f.Detail)
	}
	fmt.Fprintf(w, "%s, %s, %s, %s\n", r.Libc, plural(r.Objects, "dynamic ELF file"), plural(len(r.Static), "static one"), plural(len(r.Offenders), "offender"))
}
