package command

import (
	"fmt"
	"strings"
	"text/template"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageTemplate is the help of every command, as docker's own, with flags and
// commands in groups.
const usageTemplate = `Usage:  {{.Line}}

{{.About}}
{{- with .Aliases}}

Aliases:
  {{.}}
{{- end}}
{{- with .Example}}

Examples:
{{.}}
{{- end}}
{{- range .Sections}}

{{.Title}}:
{{.Text}}
{{- end}}
{{- with .More}}

{{.}}
{{- end}}
`

// usageSection is a group of flags or commands.
type usageSection struct{ Title, Text string }

// usageWidth is that of help that is written to no terminal.
const usageWidth = 80

// writeUsage writes the help of a command, for people at screen.
func writeUsage(cmd *cobra.Command, screen interface{ GetTtySize() (height, width uint) }) error {
	width := usageWidth
	if _, columns := screen.GetTtySize(); columns > 0 {
		width = int(columns)
	}
	line, more := cmd.UseLine(), ""
	if cmd.HasSubCommands() {
		line = cmd.CommandPath() + " COMMAND"
		more = fmt.Sprintf("Run '%s COMMAND --help' for more information on a command.", cmd.CommandPath())
	}
	about := cmd.Long
	if about == "" {
		about = cmd.Short
	}
	aliases := ""
	if len(cmd.Aliases) > 0 {
		aliases = cmd.NameAndAliases()
	}
	return template.Must(template.New("usage").Parse(usageTemplate)).Execute(cmd.OutOrStderr(), map[string]any{
		"Line": line, "About": strings.TrimSpace(about), "Aliases": aliases, "Example": strings.TrimRight(cmd.Example, "\n"), "More": more,
		"Sections": append(commandSections(cmd), flagSections(cmd, width-1)...),
	})
}

// commandSections are the commands below one, in its groups.
func commandSections(cmd *cobra.Command) (sections []usageSection) {
	groups := cmd.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{Title: "Commands"}}
	}
	for _, group := range groups {
		var text strings.Builder
		for _, sub := range cmd.Commands() {
			if sub.GroupID == group.ID && sub.IsAvailableCommand() {
				fmt.Fprintf(&text, "  %-*s  %s\n", sub.NamePadding(), sub.Name(), sub.Short)
			}
		}
		sections = appendSection(sections, group.Title, text.String())
	}
	return sections
}

// flagSections are the flags of a command in their groups, in lines of so many
// columns; 0: of any width.
func flagSections(cmd *cobra.Command, columns int) (sections []usageSection) {
	byGroup := map[flagGroup]*pflag.FlagSet{}
	for _, group := range flagGroups() {
		byGroup[group] = pflag.NewFlagSet(string(group), pflag.ContinueOnError)
	}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		group := factsOf(f).group
		if byGroup[group] == nil {
			group = groupOther
		}
		byGroup[group].AddFlag(f)
	})
	for _, group := range flagGroups() {
		sections = appendSection(sections, string(group), byGroup[group].FlagUsagesWrapped(columns))
	}
	return sections
}

func appendSection(sections []usageSection, title, text string) []usageSection {
	if text = strings.TrimRight(text, " \n"); text == "" {
		return sections
	}
	return append(sections, usageSection{title, text})
}
