// Command oh-bundle gathers programs with everything they need under one
// prefix and seals them against the system below.
//
//	oh-bundle component --recipe FILE --root DIR --out DIR --libs DIR
//	oh-bundle merge --out DIR LIBSDIR...
//	oh-bundle seal DIR
//	oh-bundle verify DIR [--json] [--allow FILE]
//	oh-bundle manifest --version V --server S --components A,B,C DIR
//	oh-bundle tree [--root DIR] [--json] FILE...
//
// It exits with 0 on success, 1 on failure (for verify: when something is not
// sealed), and 2 on bad usage.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, os.Stderr, os.Args[1:])
	stop()
	var usage usageError
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
	case errors.As(err, &usage):
		fmt.Fprintln(os.Stderr, "oh-bundle:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "oh-bundle:", err)
		os.Exit(1)
	}
}

// usageError is an error of the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// command is a sub-command: it declares its flags and returns what runs on the
// remaining arguments.
type command struct {
	name, args, short string
	setup             func(*flag.FlagSet) func(ctx context.Context, stdout io.Writer, args []string) error
}

var commands = []command{
	{"component", "", "copy, bundle and seal what a recipe names", componentCommand},
	{"merge", "LIBSDIR...", "unite the library trees of components", mergeCommand},
	{"seal", "DIR", "seal the tree below DIR in place", sealCommand},
	{"verify", "DIR", "check that the tree below DIR is sealed", verifyCommand},
	{"manifest", "DIR", "write the manifest of the tree below DIR", manifestCommand},
	{"tree", "FILE...", "print what files need and how it is found", treeCommand},
}

func run(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	if len(args) == 0 || slices.Contains([]string{"-h", "--help", "help"}, args[0]) {
		fmt.Fprintln(stderr, "usage: oh-bundle COMMAND [FLAGS] ARGS")
		for _, c := range commands {
			fmt.Fprintf(stderr, "  %-10s %s\n", c.name, c.short)
		}
		if len(args) == 0 {
			return usagef("no command")
		}
		return flag.ErrHelp
	}
	for _, c := range commands {
		if c.name != args[0] {
			continue
		}
		flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
		flags.SetOutput(stderr)
		flags.Usage = func() {
			fmt.Fprintf(stderr, "usage: oh-bundle %s [FLAGS] %s\n%s\n", c.name, c.args, c.short)
			flags.PrintDefaults()
		}
		do := c.setup(flags)
		rest, err := parse(flags, args[1:])
		if err != nil {
			return err
		}
		return do(ctx, stdout, rest)
	}
	return usagef("unknown command %q", args[0])
}

// parse accepts flags before, between and after the arguments.
func parse(flags *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, usageError{err}
		}
		if args = flags.Args(); len(args) == 0 {
			return rest, nil
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}

// one returns the only argument.
func one(args []string) (string, error) {
	if len(args) != 1 {
		return "", usagef("want one directory, got %d arguments", len(args))
	}
	return args[0], nil
}

func prefixFlag(flags *flag.FlagSet) *string {
	return flags.String("prefix", payload.Prefix, "the `folder` that the tree occupies")
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// plural returns "1 file", "2 files".
func plural(n int, what string) string {
	if n != 1 {
		what = strings.TrimSuffix(what, "y") + map[bool]string{true: "ies", false: "s"}[strings.HasSuffix(what, "y")]
	}
	return fmt.Sprintf("%d %s", n, what)
}
