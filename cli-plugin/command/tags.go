package command

import (
	"fmt"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

func newTags(dockerCLI command.Cli) *cobra.Command {
	var runtimes runtimeOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "tags [--base REF...]",
		Short: "Print the names that a build would use",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := runtimes.sketch(cmd.Context(), dockerCLI)
			if err != nil {
				return err
			}
			type image struct {
				Base       string   `json:"base,omitempty"`
				References []string `json:"references"`
			}
			images := []image{{References: []string{p.Deps.Image}}}
			for _, r := range p.Runtimes {
				images = append(images, image{r.Base, r.References()})
			}
			if asJSON {
				return writeJSON(dockerCLI.Out(), map[string]any{"images": images})
			}
			for _, i := range images {
				for _, ref := range i.References {
					fmt.Fprintln(dockerCLI.Out(), ref)
				}
			}
			return nil
		},
	}
	runtimes.flags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	complete(cmd)
	return cmd
}
