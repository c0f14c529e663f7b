package command

import (
	"context"
	"flag"
	"io"
	"runtime"

	"github.com/docker-openhands/docker-openhands/bundler"
)

func sealCommand(flags *flag.FlagSet) func(context.Context, io.Writer, []string) error {
	arch := flags.String("arch", runtime.GOARCH, "`architecture` of the tree, as GOARCH spells it")
	prefix := prefixFlag(flags)
	return func(ctx context.Context, stdout io.Writer, args []string) error {
		dir, err := one(args)
		if err != nil {
			return err
		}
		machine, err := bundler.Machine(*arch)
		if err != nil {
			return UsageError{err}
		}
		s := bundler.Sealer{Prefix: *prefix, Machine: machine}
		report, err := s.Seal(ctx, dir)
		if err != nil {
			return err
		}
		return printJSON(stdout, report)
	}
}
