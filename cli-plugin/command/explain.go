package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

func newExplain(dockerCLI command.Cli) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain [CODE...]",
		Short: "Say what the code of an error means and what to do",
		Long:  "Says what codes of errors mean, why they come and what to do. Without one it\nlists all codes.",
		Example: `  docker openhands explain
  docker openhands explain OH-003`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var words []string
			for _, entry := range problem.Catalogue() {
				words = append(words, string(entry.Code)+"\t"+entry.Title)
			}
			return words, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			entries, err := problem.Explained(args)
			switch {
			case err != nil:
				return err
			case asJSON:
				return document.Write(dockerCLI.Out(), explanations(entries))
			case len(args) == 0:
				return listCodes(dockerCLI.Out(), entries)
			}
			return writeEntries(dockerCLI.Out(), entries)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	return cmd
}

func explanations(entries []problem.Entry) document.Explanations {
	var all document.Explanations
	for _, e := range entries {
		all.Codes = append(all.Codes, document.Explanation{Code: e.Code, Title: e.Title, Meaning: e.Meaning, Next: e.Next, Status: e.Code.Status()})
	}
	return all
}

func listCodes(w io.Writer, entries []problem.Entry) error {
	table := terminal.NewTable(w)
	table.Row("CODE", "EXIT STATUS", "TITLE")
	for _, e := range entries {
		table.Row(string(e.Code), fmt.Sprint(e.Code.Status()), e.Title)
	}
	return table.Flush()
}

// writeEntries prints what docs/errors.md says.
func writeEntries(w io.Writer, entries []problem.Entry) error {
	plain := strings.NewReplacer("`", "'")
	for i, e := range entries {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if _, err := fmt.Fprintf(w, "%s: %s (exit status %d)\n\n%s\n\n%s\n", e.Code, e.Title, e.Code.Status(), plain.Replace(e.Meaning), plain.Replace(e.Next)); err != nil {
			return err
		}
	}
	return nil
}
