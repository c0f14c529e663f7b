// Oh-rescue looks into a container whose payload is what is broken. All other
// programs of the payload but oh-init and oh-wrappers start by its loader; an
// image over scratch has no others. It is static and knows some of u-root's
// tools:
//
//	oh-rescue cat|find|ls|mkdir|mv|shasum|touch [ARGUMENT...]
//
// A tool is among them only if its status tells of every failure. So these are
// not: cp forgets the failure of all files but the last; rm -f hides that a file
// may not be removed; gzip removes a file that it could not compress; xargs
// drops the rest of its input after a long line; mktemp -u makes up no name;
// chmod changes what links lead to; tar leaves out links.
//
// The status is 0, 1 after a failure, and 2 for a command line that makes no
// sense to oh-rescue itself.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/u-root/u-root/pkg/core"
	"github.com/u-root/u-root/pkg/core/cat"
	"github.com/u-root/u-root/pkg/core/find"
	"github.com/u-root/u-root/pkg/core/mkdir"
	"github.com/u-root/u-root/pkg/core/mv"
	"github.com/u-root/u-root/pkg/core/shasum"
	"github.com/u-root/u-root/pkg/core/touch"
)

const usage = "usage: oh-rescue cat|find|ls|mkdir|mv|shasum|touch [ARGUMENT...]"

func main() { os.Exit(run(os.Stdin, os.Stdout, os.Stderr, os.Args[1:])) }

// run runs the tool that args name and returns its status.
func run(stdin io.Reader, stdout, stderr io.Writer, args []string) int {
	var name string
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	if name == "-h" || name == "--help" {
		fmt.Fprintln(stdout, usage)
		return 0
	}
	tool := named(name)
	if tool == nil {
		fmt.Fprintln(stderr, usage)
		return 2
	}
	// Some tools tell of a failure and go on, and some do not look whether what
	// they print arrives.
	printed, said := &witness{Writer: stdout}, &witness{Writer: stderr}
	tool.SetIO(stdin, printed, said)
	err := tool.Run(args...)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err = cmp.Or(err, printed.failed); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
	}
	if err != nil || said.wrote {
		return 1
	}
	return 0
}

// named returns a tool, or nil.
func named(name string) core.Command {
	switch name {
	case "cat":
		return cat.New()
	case "find":
		return checkedFind{find.New()}
	case "ls":
		return &list{}
	case "mkdir":
		return mkdir.New()
	case "mv":
		return mv.New()
	case "shasum":
		return shasum.New()
	case "touch":
		return touch.New()
	}
	return nil
}

// witness passes on what is written, and remembers that it was and what failed.
type witness struct {
	io.Writer
	wrote  bool
	failed error // the first
}

func (w *witness) Write(p []byte) (int, error) {
	w.wrote = true
	n, err := w.Writer.Write(p)
	w.failed = cmp.Or(w.failed, err)
	return n, err
}

// checkedFind refuses a pattern that matches no name because it is none, of
// which find says nothing.
type checkedFind struct{ core.Command }

func (f checkedFind) Run(args ...string) error {
	for i, arg := range args {
		if arg != "-name" || i+1 == len(args) {
			continue
		}
		if _, err := filepath.Match(args[i+1], ""); err != nil {
			return fmt.Errorf("-name %q: %w", args[i+1], err)
		}
	}
	return f.Command.Run(args...)
}
