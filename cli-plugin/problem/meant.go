package problem

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Distance is how many letters a suggestion may be away, by Levenshtein: what
// cobra takes for topmost commands.
const Distance = 2

// manySuggestions is how many are told.
const manySuggestions = 3

// Similar are the names that a word may have been meant for, by cobra's rules for
// commands. Half of a short word has to be right.
func Similar(names []string, word string) []string {
	all := &cobra.Command{SuggestionsMinimumDistance: min(Distance, len(word)/2)}
	for _, name := range names {
		all.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	return all.SuggestionsFor(word)
}

// Meant asks whether one of the names was, each as the format shows it, with a
// space behind the question; without any it is empty.
func Meant(names []string, format string) string {
	if len(names) == 0 {
		return ""
	}
	var shown []string
	for _, name := range names[:min(len(names), manySuggestions)] {
		shown = append(shown, fmt.Sprintf(format, name))
	}
	return "Did you mean " + strings.Join(shown, " or ") + "? "
}
