// Docker-openhands is a plugin of the docker command: it makes images that the
// OpenHands server runs in, over any base.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/docker-openhands/docker-openhands/cli-plugin/command"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(command.Main(ctx, version))
}
