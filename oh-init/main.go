// Oh-init is the first process of a sandbox container, and what prepares an
// image for it.
//
//	oh-init [--user NAME] [--] [CMD...]   runs CMD as PID 1; by default the server
//	oh-init setup [--root DIR] [--user NAME] [--uid N] [--sudo] [--tools ORDER] [--server NAME]
//	                                      makes what a base image lacks
//	oh-init doctor [--json] [--user NAME] checks the container that it runs in
//	oh-init health                        asks the agent server of the container whether it is alive
//
// As PID 1 it reaps every orphan, hands signals on to CMD, and ends with CMD's
// exit status: 128 and the signal's number if a signal ended CMD, 127 if there
// is no such program, 126 if it cannot be started. A CMD that is called setup,
// doctor or health needs -- before it.
//
// Clients of the agent server start programs of that server's own image, which
// are links to this one:
//
//	openhands-agent-server [OPTION...]            oh-init -- oh-agent-server OPTION...
//	python -m openhands.agent_server [OPTION...]  the same
//	python [ARGUMENT...]                          otherwise the server's Python
//
// Setup keeps what the base has, but for lines that it adds to files, and
// changes nothing the second time.
//
// Doctor prints one line a check and exits with 1 if one failed.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// usageError is a command line that makes no sense; the exit status is 2.
type usageError struct{ error }

func main() {
	status, err := run(os.Args, os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "oh-init:", err)
	}
	os.Exit(status)
}

func run(argv []string, stdout, stderr io.Writer) (status int, err error) {
	args, other := called(argv)
	if other {
		return python(argv[1:])
	}
	command := supervise
	if len(args) > 0 {
		switch args[0] {
		case "setup":
			command, args = setUp, args[1:]
		case "doctor":
			command, args = examine, args[1:]
		case "health":
			command, args = health, args[1:]
		}
	}
	status, err = command(args, stdout, stderr)
	var usage usageError
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0, nil
	case errors.As(err, &usage):
		return 2, err
	case err != nil && status == 0:
		return 1, err
	}
	return status, err
}

// flags returns a set whose --help goes to stdout.
func flags(usage string, stdout io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("oh-init", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {
		fmt.Fprintln(stdout, "usage:", usage)
		f.SetOutput(stdout)
		f.PrintDefaults()
		f.SetOutput(io.Discard)
	}
	return f
}

// parse turns a wrong flag into a usageError. Usage is printed for --help alone.
func parse(f *flag.FlagSet, args []string) error {
	usage := f.Usage
	f.Usage = func() {}
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		usage()
	case err != nil:
		return usageError{fmt.Errorf("%w; see oh-init --help", err)}
	}
	return err
}

// noArguments refuses what is left after the flags.
func noArguments(f *flag.FlagSet) error {
	if f.NArg() > 0 {
		return usageError{fmt.Errorf("unexpected argument %q; see oh-init --help", f.Arg(0))}
	}
	return nil
}
