// Docker-openhands is a plugin of the docker command: it makes images that the
// OpenHands server runs in, over any base.
package main

import (
	"cmp"
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/docker-openhands/docker-openhands/cli-plugin/command"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
)

// Version and commit are set by the linker for what is handed out.
var version, commit string

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(image.Memory)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(command.Main(ctx, own()))
}

// own is what the linker says, else what go build and go install record of the
// module.
func own() command.Release {
	r := command.Release{Version: version, Commit: commit}
	if info, ok := debug.ReadBuildInfo(); ok {
		r.Version = cmp.Or(r.Version, info.Main.Version)
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				r.Commit = cmp.Or(r.Commit, setting.Value)
			}
		}
	}
	r.Version = cmp.Or(r.Version, "unknown")
	return r
}
