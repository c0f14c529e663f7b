package command

import (
	"context"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/migrate"
	"github.com/docker/cli/cli/command"
)

// judgeExtraDeps notes which commands of --extra-deps will fail, by what their
// base has, where they are still to run. It keeps nothing from running: a
// command may be one of two branches.
func judgeExtraDeps(ctx context.Context, b *builder.Builder, commands string, expected []builder.Expected, note func(format string, args ...any)) error {
	if commands == "" || b.Engine.Absent != nil {
		return nil
	}
	for _, e := range expected {
		if e.Base == "" || e.Exists || !e.BaseExists {
			continue
		}
		rows, err := migrate.Judge(ctx, b, e.Base, commands)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.Effect == migrate.Fails {
				note("%q fails over %s: %s", row.Subject, e.Base, row.Why)
			}
		}
	}
	return nil
}

// judgeBefore judges the extra dependencies of a build that begins.
func judgeBefore(ctx context.Context, dockerCLI command.Cli, b *builder.Builder, runtimes *runtimeOptions) error {
	asked := runtimes.request()
	var err error
	if b.Output == nil {
		if asked, _, err = asked.ForEngine(b.Engine.Arch); err != nil {
			return err
		}
	}
	p, err := asked.Sketch(ctx, b.Engine, b.Engine.Arch)
	if err != nil {
		return err
	}
	expected, err := b.Expect(ctx, p)
	if err != nil {
		return err
	}
	return judgeExtraDeps(ctx, b, runtimes.extraDeps, expected, notes(dockerCLI))
}
