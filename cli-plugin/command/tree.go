package command

import (
	"context"
	"fmt"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

// Tree returns the command "docker openhands" with all below it, as its parent
// "docker" holds it: what documents are written from. It is not there to be
// run.
func Tree() (*cobra.Command, error) {
	cli, err := command.NewDockerCli()
	if err != nil {
		return nil, fmt.Errorf("making the commands: %w", err)
	}
	root := newRoot(context.Background(), cli, Release{})
	docker := &cobra.Command{Use: "docker"}
	docker.AddCommand(root)
	return root, nil
}
