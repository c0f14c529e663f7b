package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/client"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

const (
	quickstartBase  = "alpine:3.20"
	quickstartImage = "openhands-quickstart:alpine-3.20"
	quickstartName  = "openhands-quickstart"
)

// quickstart shows the whole way with the plugin that is installed: an image
// over Alpine, the server in it, one action answered. The server stays up.
func quickstart(ctx context.Context) error {
	engine := lab.Engine{}
	build := engine.Command(ctx, "openhands", "build", "--base", quickstartBase, "--tag", quickstartImage, "--load")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	fmt.Println("$", strings.Join(build.Args, " "))
	if err := build.Run(); err != nil {
		return fmt.Errorf("building the image: %w", err)
	}
	if _, err := engine.Docker(ctx, "inspect", quickstartName); err == nil {
		if _, err := engine.Docker(ctx, "rm", "--force", "--volumes", quickstartName); err != nil {
			return err
		}
	}
	run := engine.Command(ctx, "run", "--detach", "--name", quickstartName, "--publish", "127.0.0.1::8000", quickstartImage)
	fmt.Println("$", strings.Join(run.Args, " "))
	if out, err := run.CombinedOutput(); err != nil {
		return fmt.Errorf("starting the server: %w: %s", err, out)
	}
	server, err := alive(ctx, engine)
	if err != nil {
		return err
	}
	const line = "id && cat /etc/os-release | head -n 1"
	result, err := server.Run(ctx, client.Command{Line: line})
	if err != nil {
		return fmt.Errorf("asking the server to run a command: %w", err)
	}
	fmt.Printf("\n%s answers. It ran `%s` (exit status %d):\n%s\n\nThe server:  %s\nStop it:     docker rm --force %s\n",
		quickstartName, line, result.ExitCode, result.Output, server.URL, quickstartName)
	if result.ExitCode != 0 {
		return fmt.Errorf("the command failed with status %d", result.ExitCode)
	}
	return nil
}

// alive waits until the server of the quickstart's container has started.
func alive(ctx context.Context, engine lab.Engine) (*client.Client, error) {
	ports, err := engine.Docker(ctx, "port", quickstartName, "8000/tcp")
	if err != nil {
		return nil, err
	}
	address, _, _ := strings.Cut(ports, "\n")
	server := &client.Client{URL: "http://" + address}
	fmt.Println("waiting for", server.URL+"/alive")
	err = lab.WaitFor(ctx, 3*time.Minute, "the server", func(ctx context.Context) bool {
		alive, err := server.Alive(ctx)
		return err == nil && alive
	})
	if err != nil {
		log, _ := exec.Command("docker", "logs", "--tail", "40", quickstartName).CombinedOutput()
		return nil, fmt.Errorf("%w\n%s", err, log)
	}
	return server, nil
}
