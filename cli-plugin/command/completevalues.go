package command

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// A shell completes the names of files better than a program: it knows the
// user's tilde, case and quotes.
func completeFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

func completeFolders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func completeTOML(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"toml"}, cobra.ShellCompDirectiveFilterFileExt
}

// manyFiles is how many files are suggested where this program has to look for
// them by itself.
const manyFiles = 1000

// completePrefixed suggests values that are one of the prefixes and the name of
// a file, which no shell knows how to complete.
func completePrefixed(prefixes ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		const goOn = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		i := slices.IndexFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(typed, prefix) })
		if i < 0 {
			return prefixes, goOn
		}
		prefix := prefixes[i]
		folder, _ := filepath.Split(strings.TrimPrefix(typed, prefix))
		open, err := os.Open(cmp.Or(folder, "."))
		if err != nil {
			return nil, goOn
		}
		defer open.Close()
		entries, _ := open.ReadDir(manyFiles) // what is read before an error is worth a suggestion
		var names []string
		for _, entry := range entries {
			name := prefix + folder + entry.Name()
			if entry.IsDir() {
				name += string(filepath.Separator)
			}
			names = append(names, name)
		}
		slices.Sort(names)
		return names, goOn
	}
}
