package command

import (
	"errors"
	"fmt"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// unknownCommand is the error for a word that is no command below cmd.
func unknownCommand(cmd *cobra.Command, word string) error {
	cmd.SuggestionsMinimumDistance = problem.Distance
	return problem.New(problem.Usage, fmt.Sprintf("%q is no command of '%s'", word, cmd.CommandPath()), nil,
		problem.Meant(cmd.SuggestionsFor(word), "'"+cmd.CommandPath()+" %s'")+see(cmd))
}

// badFlag is the error for flags of cmd that pflag does not take.
func badFlag(cmd *cobra.Command, err error) error {
	next := see(cmd)
	var wrong *pflag.InvalidValueError
	if errors.As(err, &wrong) {
		return problem.New(problem.Usage, fmt.Sprintf("--%s is %q, not %s", wrong.GetFlag().Name, wrong.GetValue(), wanted(wrong.GetFlag().Value, wrong.Unwrap())), nil, next)
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		next = problem.Meant(similarFlags(cmd.Flags(), unknown.GetSpecifiedName()), "--%s") + next
	}
	return problem.New(problem.Usage, err.Error(), nil, next)
}

// wanted is what a value is to be, as far as its type tells; else why it is not
// taken.
func wanted(value pflag.Value, cause error) string {
	switch value.Type() {
	case "bool":
		return "true or false"
	case "uint16":
		return "a number from 1 to 65535"
	}
	return fmt.Sprintf("understood (%v)", cause)
}

// similarFlags are the flags that a name may have been meant for.
func similarFlags(flags *pflag.FlagSet, name string) []string {
	var names []string
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return problem.Similar(names, name)
}

func see(cmd *cobra.Command) string { return fmt.Sprintf("See '%s --help'", cmd.CommandPath()) }
