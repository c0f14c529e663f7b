package buildx

import (
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	bkclient "github.com/moby/buildkit/client"
)

// harmless makes the words of a status fit for the terminal that the progress is
// drawn on: steps of a build print what they like, and have names that
// Dockerfiles and registries gave.
func harmless(status *bkclient.SolveStatus) {
	for _, vertex := range status.Vertexes {
		vertex.Name, vertex.Error = terminal.Line(vertex.Name), terminal.Text(vertex.Error)
		if vertex.ProgressGroup != nil {
			vertex.ProgressGroup.Name = terminal.Line(vertex.ProgressGroup.Name)
		}
	}
	for _, step := range status.Statuses {
		step.ID, step.Name = terminal.Line(step.ID), terminal.Line(step.Name)
	}
	for _, log := range status.Logs {
		log.Data = []byte(terminal.Log(string(log.Data)))
	}
	for _, warning := range status.Warnings {
		warning.Short, warning.URL = []byte(terminal.Line(string(warning.Short))), terminal.Line(warning.URL)
		for i, line := range warning.Detail {
			warning.Detail[i] = []byte(terminal.Line(string(line)))
		}
	}
}
