package command

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/request"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/templates"
	"github.com/docker/cli/cli/command"
	"github.com/docker/go-units"
	"github.com/spf13/cobra"
)

// componentReport says what a component is.
type componentReport struct {
	document.Component
	server string // the only one, if it is only one's
}

func plain(reports []componentReport) []document.Component {
	components := []document.Component{}
	for _, r := range reports {
		components = append(components, r.Component)
	}
	return components
}

func newComponents(dockerCLI command.Cli) *cobra.Command {
	var dirs []string // of the user's own components
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "components",
		Short: "List what a payload can be made of",
		Long: `Lists what a payload can be made of. SIZE is that in the newest payload of the
engine that has the component, without the libraries that components share.
'docker openhands build --with' puts optional ones in, --without leaves others
out.`,
		Example: `  docker openhands components
  docker openhands components --component-dir ./my-tool`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			components, err := request.Components(dirs)
			if err != nil {
				return err
			}
			var manifests []payload.Manifest
			if e, err := connect(cmd.Context(), dockerCLI); err == nil { // sizes are not worth an error
				manifests, _ = e.Manifests(cmd.Context())
			}
			reports := reportComponents(components, manifests)
			if asJSON {
				return document.Write(dockerCLI.Out(), document.Components{Components: plain(reports)})
			}
			return writeComponents(dockerCLI.Out(), reports)
		},
	}
	cmd.Flags().StringArrayVar(&dirs, "component-dir", nil, "Folder with a component of your own; repeat it for several")
	annotate(cmd.Flags(), map[string]facts{"component-dir": {suggests: suggestFolders}})
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	return cmd
}

// reportComponents takes sizes from the first manifest that has the component.
func reportComponents(components []templates.Component, manifests []payload.Manifest) []componentReport {
	servers := templates.Servers(components)
	var reports []componentReport
	for _, c := range components {
		r := componentReport{document.Component{
			Name: c.Name, Description: c.Description, License: c.License, Servers: servers, Default: !c.Optional, Provides: c.Provides,
			Needs: append([]string{}, c.Others()...), Packages: append([]string{}, c.Packages...), Proof: append([]string{}, c.Proof...),
		}, c.Server}
		slices.Sort(r.Needs)
		if c.Lean != nil {
			r.Lean = c.Lean.Report()
		}
		if c.Server != "" {
			r.Servers = []string{c.Server}
		}
		for _, m := range manifests {
			i := slices.IndexFunc(m.Components, func(found payload.Component) bool { return found.Name == c.Name })
			if i >= 0 {
				r.Size, r.Files = m.Components[i].Bytes, m.Components[i].Files
				break
			}
		}
		reports = append(reports, r)
	}
	return reports
}

func writeComponents(w io.Writer, reports []componentReport) error {
	table := terminal.NewTable(w)
	table.Fit("LICENSE", "SERVER")
	table.Row("COMPONENT", "DEFAULT", "SIZE", "LICENSE", "SERVER", "DESCRIPTION")
	for _, r := range reports {
		standard, size := "no", "-"
		if r.Default {
			standard = "yes"
		}
		if r.Size > 0 {
			size = units.HumanSize(float64(r.Size))
		}
		table.Row(r.Name, standard, size, cmp.Or(r.License, "-"), cmp.Or(r.server, "all"), r.Description)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	table.Row()
	table.Row("COMPONENT", "PROOF")
	for _, r := range reports {
		table.Row(r.Name, oneLine(strings.Join(r.Proof, " "), false))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, r := range reports {
		for i, line := range r.Lean {
			if i == 0 {
				fmt.Fprintf(w, "\n%s with --python-env lean is without\n", terminal.Line(r.Name))
			}
			fmt.Fprintf(w, "  %s\n", terminal.Line(line))
		}
	}
	return nil
}
