// Docker-openhands is a plugin of the docker command: it makes images that the
// OpenHands server runs in, over any base.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/docker-openhands/docker-openhands/cli-plugin/command"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
)

// version is set by the linker for what is handed out.
var version string

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(image.Memory)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(command.Main(ctx, ownVersion()))
}

// ownVersion is that of the linker, else the one of the module and its commit,
// which go build and go install record.
func ownVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
