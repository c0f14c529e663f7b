package command

import (
	"errors"
	"fmt"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// distance is how many letters a suggestion may be away, by Levenshtein: what
// cobra takes for topmost commands.
const distance = 2

// unknownCommand is the error for a word that is no command below cmd.
func unknownCommand(cmd *cobra.Command, word string) error {
	cmd.SuggestionsMinimumDistance = distance
	return problem.New(problem.Usage, fmt.Sprintf("%q is no command of '%s'", word, cmd.CommandPath()), nil,
		meant(cmd.SuggestionsFor(word), "'"+cmd.CommandPath()+" %s'")+see(cmd))
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
		next = meant(similarFlags(cmd.Flags(), unknown.GetSpecifiedName()), "--%s") + next
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
	return similar(names, name)
}

// similar are the names that a word may have been meant for, by cobra's rules for
// commands. Half of a short word has to be right.
func similar(names []string, word string) []string {
	all := &cobra.Command{SuggestionsMinimumDistance: min(distance, len(word)/2)}
	for _, name := range names {
		all.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	return all.SuggestionsFor(word)
}

// meant asks whether one of the names was, each as the format shows it; without
// any it is empty.
func meant(names []string, format string) string {
	if len(names) == 0 {
		return ""
	}
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = fmt.Sprintf(format, name)
	}
	return "Did you mean " + strings.Join(shown, " or ") + "? "
}

func see(cmd *cobra.Command) string { return fmt.Sprintf("See '%s --help'", cmd.CommandPath()) }
