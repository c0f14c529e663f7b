package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// ServerLabel tells which server runs in a container that "run" has started. It
// is empty in other containers of this program.
const ServerLabel = "dev.openhands.run"

// ServerContainers lists the containers that "run" has started, the newest first,
// with all also those that have ended. The filters are docker's own.
func (e *Engine) ServerContainers(ctx context.Context, all bool, filters client.Filters) ([]container.Summary, error) {
	found, err := e.API.ContainerList(ctx, client.ContainerListOptions{All: all, Filters: filters.Clone().Add("label", ServerLabel)})
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	return slices.DeleteFunc(found.Items, func(c container.Summary) bool { return c.Labels[ServerLabel] == "" }), nil
}

// ContainerName is the name that docker shows of a container.
func ContainerName(c container.Summary) string {
	for _, name := range c.Names {
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") { // those are of links
			return name
		}
	}
	return ShortContainerID(c.ID)
}

// ShortContainerID is a container's ID as docker shows it.
func ShortContainerID(id string) string { return id[:min(12, len(id))] }
