package command

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/context/docker"
	"github.com/moby/moby/client"
)

// connect returns the engine that docker's settings name.
func connect(ctx context.Context, dockerCLI command.Cli) (*engine.Engine, error) {
	api, err := engineAPI(dockerCLI)
	if err != nil {
		return nil, err
	}
	return engine.Connect(ctx, api)
}

// engineAPI returns the client of the engine that docker's settings name. Where
// they name none, dockerCLI itself would end the process.
func engineAPI(dockerCLI command.Cli) (client.APIClient, error) {
	if err := checkEndpoint(dockerCLI); err != nil {
		return nil, problem.New(problem.NoEngine, "docker's settings name no engine", err,
			"Correct or unset DOCKER_HOST and DOCKER_CONTEXT, or select one of 'docker context ls' with 'docker context use'")
	}
	return dockerCLI.Client(), nil
}

// checkEndpoint goes the way of dockerCLI from the context to a client.
func checkEndpoint(dockerCLI command.Cli) error {
	metadata, err := dockerCLI.ContextStore().GetMetadata(dockerCLI.CurrentContext())
	if errdefs.IsNotFound(err) {
		return fmt.Errorf("there is no context %q", dockerCLI.CurrentContext())
	}
	if err != nil {
		return err
	}
	meta, err := docker.EndpointFromContext(metadata)
	if err != nil {
		return err
	}
	endpoint, err := docker.WithTLSData(dockerCLI.ContextStore(), dockerCLI.CurrentContext(), meta)
	if err != nil {
		return err
	}
	options, err := endpoint.ClientOpts()
	if err != nil {
		return err
	}
	unused, err := client.New(options...)
	if err != nil {
		return err
	}
	return unused.Close()
}
