package main

import (
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/oh-init/setup"
)

// setUp is the command setup.
func setUp(args []string, stdout, stderr io.Writer) (int, error) {
	f := flags("oh-init setup [--root DIR] [--user NAME] [--uid N] [--sudo] [--tools ORDER] [--server NAME]", stdout)
	root := f.String("root", "/", "`folder` of the root file system")
	o := setup.Options{Arch: runtime.GOARCH, Path: os.Getenv("PATH")}
	f.StringVar(&o.User, "user", payload.User, "`name` of the account")
	f.IntVar(&o.UID, "uid", payload.DefaultID, "user and group `ID` of a new account, unless taken")
	f.BoolVar(&o.Sudo, "sudo", false, "let the account become root without a password")
	f.Func("tools", "whose tools come first, base-first or payload-first", func(order string) error {
		if o.Tools = payload.Tools(order); o.Tools != payload.BaseFirst && o.Tools != payload.PayloadFirst {
			return fmt.Errorf("want %s or %s", payload.BaseFirst, payload.PayloadFirst)
		}
		return nil
	})
	f.StringVar(&o.Server, "server", payload.ActionExecutionServer, "make what clients of the server `NAME` look for, too")
	if err := parse(f, args); err != nil {
		return 0, err
	}
	if err := noArguments(f); err != nil {
		return 0, err
	}
	if o.UID <= 0 {
		return 0, usageError{fmt.Errorf("--uid %d: the user ID of an account is a number from 1 up", o.UID)}
	}
	view, err := setup.DirView(*root)
	if err != nil {
		return 0, err
	}
	defer view.Close()
	changes, notes, err := setup.Plan(view, o)
	if err != nil {
		return 0, fmt.Errorf("planning the set-up of %s: %w", *root, err)
	}
	for _, note := range notes {
		fmt.Fprintln(stderr, "oh-init:", note)
	}
	return 0, setup.Apply(*root, changes)
}
