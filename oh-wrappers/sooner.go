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
	i := payload.ModuleIndex(command)
	if i == 0 {
		return command
	}
	// Of modules in its user's home a server knows nothing.
	flags, rest := append(slices.Clone(command[:i-1]), "-s"), command[i:]
	switch {
	case slices.Equal(first(rest, 1), []string{payload.AgentServerModule}):
		return slices.Concat(flags, []string{payload.StartServer, "--for-user"}, rest)
	case slices.Equal(first(rest, 1), []string{serverModule}):
		started := []string{payload.StartServer}
		// What it spawns is the environment of the browser.
		if !slices.Contains(rest, "--no-enable-browser") {
			started = append(started, "--fork-server")
		}
		return slices.Concat(flags, started, rest)
	case isGateway(command):
		return slices.Concat(flags, []string{payload.StartServer, "kernel_gateway", "--config=" + gatewayConfig}, rest[2:])
	}
	return command
}

// gatewayConfig is the one configuration that the gateway reads, see ofJupyter.
const gatewayConfig = payload.Venv + "/etc/jupyter/jupyter_kernel_gateway_config.py"

// isGateway reports whether a command is the start of the gateway to the
// kernels of notebooks.
func isGateway(command []string) bool {
	i := payload.ModuleIndex(command)
	return i > 0 && slices.Equal(first(command[i:], 2), []string{"jupyter", "kernelgateway"})
}

func first(args []string, n int) []string { return args[:min(n, len(args))] }
