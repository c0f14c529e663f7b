// Package command is the command line of the bundler.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Main runs the command that args name and returns the exit status: 0 on
// success, 1 on failure, 2 on bad usage, and 3 where the command looked and the
// answer is no: for verify when something is not sealed, for tree when something
// is not found. Errors are printed to
// stderr after the program's name.
func Main(ctx context.Context, program string, stdout, stderr io.Writer, args []string) int {
	err := Run(ctx, program, stdout, args)
	var usage UsageError
	var no CheckError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "%s: %v\nSee '%s'\n", program, err, usage.Help)
		return 2
	case errors.As(err, &no):
		fmt.Fprintf(stderr, "%s: %v\n", program, err)
		return 3
	default:
		fmt.Fprintf(stderr, "%s: %v\n", program, err)
		return 1
	}
}

// UsageError is an error of the command line: unknown commands and flags, and
// arguments that make no sense.
type UsageError struct {
	error
	Help string // the command that prints what would be right
}

func usagef(format string, args ...any) error { return UsageError{error: fmt.Errorf(format, args...)} }

// CheckError is the answer of a check that says no. Nothing broke.
type CheckError struct{ error }

func nof(format string, args ...any) error { return CheckError{fmt.Errorf(format, args...)} }

// command is a sub-command: it declares its flags and returns what runs on the
// remaining arguments.
type command struct {
	name, args, short string
	examples          []string // arguments, each of a call
	setup             func(*flag.FlagSet) func(ctx context.Context, stdout io.Writer, args []string) error
}

var commands = []command{
	{"component", "", "Copy, bundle and seal what a recipe names", []string{"--recipe recipe.json --out ./out --libs ./libs"}, componentCommand},
	{"merge", "LIBSDIR...", "Unite the library trees of components", []string{"--out ./out ./libs/a ./libs/b"}, mergeCommand},
	{"seal", "DIR", "Seal the tree below DIR in place", []string{"./out", "--dry-run ./out"}, sealCommand},
	{"verify", "DIR | --trace PROGRAM ARGS...", "Check that the tree below DIR is sealed", []string{"./out", "--root ./out --trace /openhands/bin/git --version"}, verifyCommand},
	{"manifest", "DIR", "Write the manifest of the tree below DIR", []string{"--version 1.6.0 --server action-execution-server --components git ./out"}, manifestCommand},
	{"copy", "--dest DIR FILE...", "Copy files with everything that they need", []string{"--dest ./out /usr/bin/git"}, copyCommand},
	{"tree", "FILE...", "Print what files need and how it is found", []string{"/usr/bin/git", "--why libz.so.1 /usr/bin/git", "--missing --root ./rootfs /usr/bin/git"}, treeCommand},
}

// Names returns the names of the commands.
func Names() []string {
	var names []string
	for _, c := range commands {
		names = append(names, c.name)
	}
	return names
}

// Run runs the command that args name. Program is the name that it goes by in
// messages. The error is flag.ErrHelp after help was asked for and printed.
func Run(ctx context.Context, program string, stdout io.Writer, args []string) error {
	err := run(ctx, program, stdout, args)
	var usage UsageError
	if errors.As(err, &usage) {
		if usage.Help = program + " --help"; len(args) > 0 && slices.Contains(Names(), args[0]) {
			usage.Help = program + " " + args[0] + " --help"
		}
		return usage
	}
	return err
}

func run(ctx context.Context, program string, stdout io.Writer, args []string) error {
	if len(args) == 0 {
		return usagef("no command")
	}
	if slices.Contains([]string{"-h", "--help", "help"}, args[0]) {
		writeHelp(stdout, program)
		return flag.ErrHelp
	}
	for _, c := range commands {
		if c.name != args[0] {
			continue
		}
		flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
		flags.SetOutput(io.Discard) // errors are returned
		do := c.setup(flags)
		rest, err := parse(flags, args[1:])
		if errors.Is(err, flag.ErrHelp) {
			c.writeHelp(stdout, program, flags)
		}
		if err != nil {
			return err
		}
		return do(ctx, stdout, rest)
	}
	return usagef("unknown command %q", args[0])
}

// traceFlag makes the arguments those of another program.
const traceFlag = "trace"

// parse accepts flags before, between and after the arguments, unless these
// are another program's.
func parse(flags *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, UsageError{error: err}
		}
		if args = flags.Args(); len(args) == 0 {
			return rest, nil
		}
		if f := flags.Lookup(traceFlag); f != nil && f.Value.String() == "true" {
			return append(rest, args...), nil
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
	prefix := payload.Prefix
	flags.Func("prefix", fmt.Sprintf("the `folder` that the tree occupies (default %q)", prefix), func(text string) (err error) {
		prefix, err = bundler.CleanPrefix(text)
		return err
	})
	return &prefix
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// documentVersion is raised when readers of a printed document would
// misunderstand a field.
const documentVersion = 1

// printDocument prints an object as JSON, with the version of its form.
func printDocument(w io.Writer, object any) error {
	text, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("encoding %T: %w", object, err)
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &fields); err != nil {
		return fmt.Errorf("%T is no object: %w", object, err)
	}
	fields["schemaVersion"] = json.RawMessage(strconv.Itoa(documentVersion))
	return printJSON(w, fields)
}

// plural returns "1 file", "2 files".
func plural(n int, what string) string {
	if n != 1 {
		what = strings.TrimSuffix(what, "y") + map[bool]string{true: "ies", false: "s"}[strings.HasSuffix(what, "y")]
	}
	return fmt.Sprintf("%d %s", n, what)
}
