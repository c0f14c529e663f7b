// oh-lab prepares a machine for the tests and the quickstart.
//
//	oh-lab engine                 a Docker Engine and buildx, installed where there is none
//	oh-lab tools                  the programs that the unit tests call
//	oh-lab bases [NAME...]        base images, made here where they cannot be pulled
//	oh-lab binfmt start|remove     programs of the other architecture are run by QEMU
//	oh-lab second-engine start|remove
//	                              a newer engine beside the first, with containerd's image store
//	oh-lab quickstart             from a base to a running server and its first action
//
// The folder with root file systems for bases that cannot be pulled is named
// by the environment variable OH_SHARED (its subfolder bases); without it,
// ../shared is used.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/docker-openhands/docker-openhands/integration/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "oh-lab:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: oh-lab engine | tools | bases [NAME...] | binfmt start|remove | second-engine start|remove | quickstart")
	}
	switch command, rest := args[0], args[1:]; command {
	case "engine":
		return lab.EnsureEngine(ctx, os.Stdout)
	case "tools":
		return tools(ctx)
	case "bases":
		if len(rest) == 0 {
			rest = lab.BaseNames()
		}
		return lab.EnsureBases(ctx, lab.Archives(), os.Stdout, rest...)
	case "binfmt":
		return emulation(ctx, rest)
	case "second-engine":
		return secondEngine(ctx, rest)
	case "quickstart":
		return quickstart(ctx)
	default:
		return fmt.Errorf("unknown command %q", command)
	}
}

// tools sees to the programs that the unit tests call beside Go.
func tools(ctx context.Context) error {
	for _, tool := range []struct{ program, pkg string }{
		{"gcc", "build-essential"},                  // ELF files as fixtures
		{"qemu-aarch64-static", "qemu-user-static"}, // the arm64 stub
		{"pip", "python3-pip"},                      // OpenHands' sources
		{"tmux", "tmux"},                            // where the server keeps its shells
		{"chromium", "chromium"},                    // the editor in a browser
		{"rpm", "rpm"},                              // what a release holds
	} {
		if err := lab.EnsureProgram(ctx, os.Stdout, tool.program, tool.pkg); err != nil {
			return err
		}
	}
	return nil
}

func emulation(ctx context.Context, args []string) error {
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	switch {
	case len(args) == 1 && args[0] == "start":
		return lab.Emulate(ctx, other, os.Stdout)
	case len(args) == 1 && args[0] == "remove":
		return lab.StopEmulating(other)
	}
	return fmt.Errorf("usage: oh-lab binfmt start|remove")
}

func secondEngine(ctx context.Context, args []string) error {
	engine, err := lab.NewSecondEngine("")
	if err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "start":
		if err := engine.Start(ctx, os.Stdout); err != nil {
			return err
		}
		fmt.Println("second engine: DOCKER_HOST=" + engine.Host)
		return nil
	case len(args) == 1 && args[0] == "remove":
		return engine.Remove(ctx)
	}
	return fmt.Errorf("usage: oh-lab second-engine start|remove")
}
