package command

import (
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// helpWidth is how many columns of a terminal help takes.
const helpWidth = 80

// writeHelp writes what there is, in the form of docker's own help.
func writeHelp(w io.Writer, program string) {
	fmt.Fprintf(w, "Usage:  %s COMMAND\n\nExamine ELF files; bundle, seal and verify programs\n\nCommands:\n", program)
	for _, c := range commands {
		fmt.Fprintf(w, "  %-10s  %s\n", c.name, c.short)
	}
	fmt.Fprintf(w, "\nIt ends with 0 on success, 1 on a failure, 2 on bad usage, and 3 where something\nis not sealed or not found.\n\nRun '%s COMMAND --help' for more information on a command.\n", program)
}

// writeHelp writes what a command does.
func (c command) writeHelp(w io.Writer, program string, flags *flag.FlagSet) {
	call := program + " " + c.name
	fmt.Fprintf(w, "Usage:  %s\n\n%s\n\nExamples:\n", strings.TrimRight(call+" [OPTIONS] "+c.args, " "), c.short)
	for _, example := range c.examples {
		fmt.Fprintf(w, "  %s %s\n", call, example)
	}
	options := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	options.AddGoFlagSet(flags)
	fmt.Fprintf(w, "\nOptions:\n%s", options.FlagUsagesWrapped(helpWidth-1))
}
