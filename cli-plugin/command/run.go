package command

import (
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

func newRun(dockerCLI command.Cli) *cobra.Command { return &cobra.Command{Use:"run"} }
