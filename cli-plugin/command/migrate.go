package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/migrate"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// migration is a call of "migrate".
type migration struct {
	runtimes  runtimeOptions
	how       buildOptions
	image     string // the traditional one
	buildArgs []string
	noBrowser bool

	config           string // file to read and to switch
	dry, apply, undo bool
	forced           bool // force-rebuild is set, by whatever source
	baseFrom         settings.Origin
	configured       bool // something says that there is an installation to move
}

func newMigrate(dockerCLI command.Cli) *cobra.Command {
	var m migration
	chosen := pflag.NewFlagSet("", pflag.ContinueOnError)
	cmd := &cobra.Command{
		Use:   "migrate [--config FILE | --image REF]",
		Short: "Move from a traditional image to one of two stages",
		Long: `Reads what OpenHands is configured with (config.toml, the SANDBOX_* variables)
or looks at a traditional image, says what will be the same and what will not,
and whether the extra dependencies will work. Then it builds the two-stage image
beside the old one, verifies both and compares them. Nothing is switched unless
--apply says so; --undo switches back. Where nothing of OpenHands V0 is found,
it builds nothing and says what it looked for.`,
		Example: `  docker openhands migrate --dry-run
  docker openhands migrate --config ~/OpenHands/config.toml --apply
  docker openhands migrate --config ~/OpenHands/config.toml --undo`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if m.dry && m.apply || m.undo && (m.dry || m.apply) {
				return problem.New(problem.Usage, "--dry-run, --apply and --undo exclude each other", nil, "Name one of them")
			}
			if m.undo {
				return m.takeBack(dockerCLI)
			}
			if err := m.read(cmd.Flags(), chosen, dockerCLI); err != nil {
				return err
			}
			return m.run(cmd.Context(), dockerCLI)
		},
	}
	m.runtimes.flags(chosen)
	m.how.flags(chosen)
	chosen.StringVar(&m.image, "image", "", "Traditional image to compare with (default: the one that is configured, or that the engine has)")
	chosen.StringArrayVar(&m.buildArgs, "extra-build-args", nil, "Arguments that the traditional build was given")
	chosen.BoolVar(&m.noBrowser, "no-browser", false, "Leave the browser out")
	annotate(chosen, map[string]facts{"image": {group: groupFrom, modes: bothModes()}, "extra-build-args": factsOfBuildArgs(), "no-browser": factsOfNoBrowser()})
	cmd.Flags().AddFlagSet(chosen)
	cmd.Flags().StringVar(&m.config, "config", "", "Configuration of OpenHands to read and to switch (default: config.toml in the working directory)")
	cmd.Flags().BoolVar(&m.dry, "dry-run", false, "Say what would change, and build nothing")
	cmd.Flags().BoolVar(&m.apply, "apply", false, "Switch the configuration when everything has passed; a backup is kept")
	cmd.Flags().BoolVar(&m.undo, "undo", false, "Switch the configuration back")
	annotate(cmd.Flags(), map[string]facts{"config": {group: groupFrom, call: true, suggests: suggestTOML}, "dry-run": {group: groupHow, call: true}, "apply": {group: groupHow, call: true}, "undo": {group: groupHow, call: true}})
	return cmd
}

func (m *migration) file() string { return cmp.Or(m.config, settings.FoundTOML) }

func (m *migration) takeBack(dockerCLI command.Cli) error {
	if m.config == "" {
		if _, err := settings.ReadFound(); err != nil {
			return err
		}
	}
	if err := settings.SwitchBack(m.file()); err != nil {
		return err
	}
	_, err := fmt.Fprintf(terminal.Writer(dockerCLI.Out()), "%s is what it was before the switch; the images are all still there\n", m.file())
	return err
}

// read takes what the command line does not say from the other sources of
// settings, as the traditional builder would.
func (m *migration) read(flags, chosen *pflag.FlagSet, dockerCLI command.Cli) error {
	sources, err := otherSources(dockerCLI, m.config)
	if err != nil {
		return err
	}
	sources.Flags = given(flags)
	all := settingsOf(chosen)
	values, err := settings.Resolve(all, sources)
	if err != nil {
		return err
	}
	if err := values.Heed(sources.TOML, []string{"extra-build-args"}, notes(dockerCLI)); err != nil { // those are only judged
		return err
	}
	for _, setting := range all {
		v := values[setting.Name]
		if v.Origin.Level == settings.Flag || v.Origin.Level == settings.Default {
			continue
		}
		if err := assign(flags.Lookup(setting.Name).Value, v.Texts); err != nil {
			return badValue(v, flags.Lookup(setting.Name).Value, err)
		}
	}
	m.baseFrom = values["base"].Origin
	m.configured = len(m.runtimes.bases) > 0 || m.image != "" || m.runtimes.extraDeps != ""
	if sources.TOML != nil {
		line, err := sources.TOML.Section("sandbox")
		if err != nil {
			return err
		}
		m.configured = m.configured || line > 0
	}
	// What forced each traditional build is not meant for this one.
	m.forced = m.how.forceRebuild
	m.how.forceRebuild = flags.Changed("force-rebuild") && m.forced
	if m.noBrowser && !slices.Contains(m.runtimes.without, "browser") {
		m.runtimes.without = append(m.runtimes.without, "browser")
	}
	return nil
}

func (m *migration) run(ctx context.Context, dockerCLI command.Cli) error {
	b, err := m.how.session(ctx, dockerCLI, "")
	if err != nil {
		return err
	}
	wanted := m.runtimes.request()
	wanted.Platform = "" // it is compared with the engine's
	move := migrate.Move{
		Builder: b, Request: wanted, BaseFrom: m.baseFrom.String(), Image: m.image, BuildArgs: m.buildArgs, Platform: m.runtimes.platform, Forced: m.forced,
		Configured: m.configured, File: m.file(),
	}
	r, err := move.Compare(ctx)
	if err != nil {
		return err
	}
	say := func(write func(io.Writer, migrate.Report) error) error {
		if m.how.json {
			return nil
		}
		return write(dockerCLI.Out(), r)
	}
	if err := say(writeComparison); err != nil {
		return err
	}
	stop := r.Obstacle()
	if stop == nil && !m.dry {
		results, err := move.Try(ctx, &r)
		if err := errors.Join(err, m.how.writeMetadata(ctx, b, results)); err != nil {
			return err
		}
		if err := say(writeTrial); err != nil {
			return err
		}
		stop = r.Verdict()
	}
	if stop == nil && m.apply {
		browser := !slices.Contains(m.runtimes.without, "browser")
		made, err := b.Local(ctx, r.New.Image)
		if err != nil {
			return err
		}
		if made != nil {
			if known, ok := componentsHave(made, "browser"); ok {
				browser = known
			}
		}
		if r.Backup, err = settings.SwitchTo(m.file(), r.New.Image, browser); err != nil {
			return err
		}
		r.Switched = m.file()
	}
	if m.how.json {
		err = document.Write(dockerCLI.Out(), document.Migration{Report: r})
	} else if stop == nil {
		err = m.writeNext(dockerCLI.Out(), r)
	}
	if err != nil {
		return err
	}
	return stop
}
