package main

import (
	"slices"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// sooner has payload.StartServer start a server's module, in less time than
// Python's -m does: either server, and the kernel gateway, which the action
// execution server starts through Jupyter's own launcher. Any other command
// stays as it is.
func sooner(command []string) []string {
	i := moduleIndex(command)
	if i == 0 {
		return command
	}
	flags, rest := command[:i-1], command[i:]
	switch {
	case slices.Equal(first(rest, 1), []string{agentModule}):
		return slices.Concat(flags, []string{payload.StartServer}, rest)
	case slices.Equal(first(rest, 1), []string{serverModule}):
		started := []string{payload.StartServer}
		// What it spawns is the environment of the browser.
		if !slices.Contains(rest, "--no-enable-browser") {
			started = append(started, "--fork-server")
		}
		return slices.Concat(flags, started, rest)
	case slices.Equal(first(rest, 2), []string{"jupyter", "kernelgateway"}):
		return slices.Concat(flags, []string{payload.StartServer, "kernel_gateway"}, rest[2:])
	}
	return command
}

func first(args []string, n int) []string { return args[:min(n, len(args))] }
