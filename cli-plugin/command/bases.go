package command

import (
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/request"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// severalBases has a command take bases as arguments, as values of its flag
// --base and from a file that another flag names. A base that is named more than
// once is one.
func severalBases(cmd *cobra.Command, dockerCLI command.Cli, flag string, runtimes *runtimeOptions) {
	file := cmd.Flags().String(flag, "", "File with a base on each line, - for the standard input; # starts a comment. A line can be a JSON object with base and tag")
	annotate(cmd.Flags(), map[string]facts{flag: {group: groupFrom, call: true, suggests: suggestFiles}})
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		runtimes.ownTags = map[string][]string{}
		if *file != "" {
			lines, err := request.ReadBases(cmd.Context(), *file, dockerCLI.In(), flag)
			if err != nil {
				return err
			}
			args = slices.Clone(args)
			for _, l := range lines {
				args = append(args, l.Base)
				if len(l.Tags) > 0 {
					runtimes.ownTags[l.Base] = append(runtimes.ownTags[l.Base], l.Tags...)
				}
			}
		}
		if err := basesOf(cmd, args); err != nil {
			return err
		}
		bases, _ := cmd.Flags().Lookup("base").Value.(pflag.SliceValue)
		return bases.Replace(unique(bases.GetSlice()))
	}
}

// unique returns each of the texts once, where it stands first.
func unique(texts []string) []string {
	seen := make(map[string]bool, len(texts))
	return slices.DeleteFunc(texts, func(text string) bool {
		was := seen[text]
		seen[text] = true
		return was
	})
}
