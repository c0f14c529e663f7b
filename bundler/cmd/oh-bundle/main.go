// Command oh-bundle gathers programs with everything they need under one
// prefix and seals them against the system below.
//
//	oh-bundle component --recipe FILE --root DIR --out DIR --libs DIR
//	oh-bundle merge --out DIR LIBSDIR...
//	oh-bundle seal DIR [--dry-run [--json]]
//	oh-bundle verify DIR [--root ROOT] [--json] [--allow FILE]
//	oh-bundle verify [--json] [--allow FILE] --trace PROGRAM [ARG...]
//	oh-bundle manifest --version V --server S --components A,B,C DIR
//	oh-bundle copy --dest DIR [--root ROOT] FILE...
//	oh-bundle tree [--root DIR] [--json] [--why LIB | --missing] FILE...
//
// It exits with 0 on success, 1 on failure, 2 on bad usage, and 3 where verify
// finds something that is not sealed, or tree something that is not there.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/docker-openhands/docker-openhands/bundler/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := command.Main(ctx, "oh-bundle", os.Stdout, os.Stderr, os.Args[1:])
	stop()
	os.Exit(status)
}
