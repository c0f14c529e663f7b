package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
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
			entries, err := explained(args)
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

// explained are the entries of codes, all without any. A code may be written
// without its prefix, its zeros or its upper case.
func explained(codes []string) ([]problem.Entry, error) {
	all := problem.Catalogue()
	if len(codes) == 0 {
		return all, nil
	}
	short := func(code string) string {
		return strings.TrimLeft(strings.TrimPrefix(strings.ToUpper(code), "OH-"), "0")
	}
	var found []problem.Entry
	for _, code := range codes {
		before := len(found)
		for _, entry := range all {
			if short(string(entry.Code)) == short(code) {
				found = append(found, entry)
			}
		}
		if len(found) == before {
			return nil, problem.New(problem.Usage, fmt.Sprintf("there is no code %q", code), nil, "'docker openhands explain' lists all codes")
		}
	}
	return found, nil
}

func explanations(entries []problem.Entry) document.Explanations {
	var all document.Explanations
	for _, e := range entries {
		all.Codes = append(all.Codes, document.Explanation{Code: e.Code, Title: e.Title, Meaning: e.Meaning, Next: e.Next, Status: e.Code.Status()})
	}
	return all
}

func listCodes(w io.Writer, entries []problem.Entry) error {
	table := newTable(w)
	table.row("CODE", "EXIT STATUS", "TITLE")
	for _, e := range entries {
		table.row(string(e.Code), fmt.Sprint(e.Code.Status()), e.Title)
	}
	return table.flush()
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
