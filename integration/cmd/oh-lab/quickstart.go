package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/docker-openhands/docker-openhands/integration/client"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// quickstart shows the whole way with the plugin that is installed: an image
// over Alpine, the server in it, one action answered. The server stays up.
func quickstart(ctx context.Context) error {
	run := lab.Engine{}.Command(ctx, "openhands", "run", "--base", "alpine:3.20", "--detach", "--json")
	run.Stderr = os.Stderr
	fmt.Println("$", strings.Join(run.Args, " "))
	out, err := run.Output()
	if err != nil {
		return fmt.Errorf("starting the server: %w", err)
	}
	var started struct{ Container, Address string }
	if err := json.Unmarshal(out, &started); err != nil {
		return fmt.Errorf("reading what 'docker openhands run' printed: %w", err)
	}
	server := client.Client{URL: started.Address}
	const line = "id && head -n 1 /etc/os-release"
	result, err := server.RunAgain(ctx, client.Command{Line: line})
	if err != nil {
		return fmt.Errorf("asking the server to run a command: %w", err)
	}
	if result.ExitCode != 0 {
		return fmt.Errorf("the server ran %q: exit status %d: %s", line, result.ExitCode, result.Output)
	}
	fmt.Printf("\nThe server answers. It ran `%s`:\n\n%s\n\nIts address: %s\nStop it:     docker rm --force %s\n",
		line, strings.TrimSpace(result.Output), started.Address, started.Container)
	return nil
}
