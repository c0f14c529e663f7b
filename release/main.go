// Release makes what is handed out of the plugin, from the project's folder:
//
//	go run ./release -version v1.2.3 -o dist
//
// For each platform there is an archive, and a list of what the program was made
// from (SPDX); for Linux there are packages of Debian's and Red Hat's kind; and
// SHA256SUMS names them all. Times in them are that of the commit, or what
// SOURCE_DATE_EPOCH says, so that the same sources give the same bytes.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// platforms are those that the plugin supports, GOOS/GOARCH. Windows is none of
// them: the bundler and set-up open files beneath a folder by Unix's calls.
const platforms = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	version := flags.String("version", "", "version, as 'git describe' prints it")
	commit := flags.String("commit", "", "hash of the commit that it is made of")
	out := flags.String("o", "dist", "new folder for the results")
	list := flags.String("platforms", platforms, "GOOS/GOARCH, separated by commas")
	twice := flags.Bool("twice", false, "make everything again, with nothing kept, and compare the bytes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *version == "" {
		return fmt.Errorf("-version is missing")
	}
	created, err := commitTime(ctx)
	if err != nil {
		return err
	}
	r := release{version: *version, commit: *commit, created: created, platforms: strings.Split(*list, ",")}
	if err := r.make(ctx, *out); err != nil {
		return err
	}
	if *twice {
		return r.compare(ctx, *out)
	}
	return nil
}
