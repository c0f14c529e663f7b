package command

import (
	"fmt"
	"io"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/templates"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

func newVersion(dockerCLI command.Cli, version string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of the plugin and of OpenHands",
		Args:  arguments(0, 0),
		RunE:  func(*cobra.Command, []string) error { return writeVersion(dockerCLI.Out(), version, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	return cmd
}

func writeVersion(w io.Writer, version string, asJSON bool) error {
	components, err := templates.Components()
	if err != nil {
		return err
	}
	openhands := plan.DefaultVersion(components, plan.DefaultServer)
	if asJSON {
		return writeJSON(w, map[string]string{"version": version, "openhandsVersion": openhands})
	}
	_, err = fmt.Fprintf(w, "docker-openhands %s (OpenHands %s)\n", version, openhands)
	return err
}
