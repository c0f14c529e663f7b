package command

import (
	"context"
	"flag"
	"io"

	"github.com/docker-openhands/docker-openhands/bundler/pack"
)

func mergeCommand(flags *flag.FlagSet) func(context.Context, io.Writer, []string) error {
	out := flags.String("out", "", "`directory` that gets the union")
	return func(ctx context.Context, _ io.Writer, args []string) error {
		if *out == "" || len(args) == 0 {
			return usagef("merge takes --out and at least one directory")
		}
		return pack.Merge(ctx, *out, args...)
	}
}
