package command

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/migrate"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/sandbox"
	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/templates"
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
}

func newMigrate(dockerCLI command.Cli) *cobra.Command {
	var m migration
	chosen := pflag.NewFlagSet("", pflag.ContinueOnError)
	cmd := &cobra.Command{
		Use:   "migrate [--config FILE | --image REF]",
		Short: "Move from a traditional image to one of two stages",
		Long: `Reads what OpenHands is configured with (config.toml, the SANDBOX_* variables) or
looks at a traditional image, says what will be the same and what will not, and
whether the extra dependencies will work. Then it builds the two-stage image
beside the old one, verifies both and compares them. Nothing is switched unless
--apply says so; --undo switches back.`,
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
	annotate(chosen, map[string]facts{"image": {modes: bothModes()}, "extra-build-args": factsOfBuildArgs(), "no-browser": factsOfNoBrowser()})
	cmd.Flags().AddFlagSet(chosen)
	cmd.Flags().StringVar(&m.config, "config", "", "Configuration of OpenHands to read and to switch (default: config.toml in the working directory)")
	cmd.Flags().BoolVar(&m.dry, "dry-run", false, "Say what would change, and build nothing")
	cmd.Flags().BoolVar(&m.apply, "apply", false, "Switch the configuration when everything has passed; a backup is kept")
	cmd.Flags().BoolVar(&m.undo, "undo", false, "Switch the configuration back")
	annotate(cmd.Flags(), map[string]facts{"config": {call: true}, "dry-run": {call: true}, "apply": {call: true}, "undo": {call: true}})
	return cmd
}

func (m *migration) file() string { return cmp.Or(m.config, defaultTOML) }

func (m *migration) takeBack(dockerCLI command.Cli) error {
	if m.config == "" {
		if _, err := readFound(); err != nil {
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
	if err := heed(values, sources.TOML, []string{"extra-build-args"}, notes(dockerCLI)); err != nil { // those are only judged
		return err
	}
	for _, setting := range all {
		v := values[setting.Name]
		if v.Origin.Level == settings.Flag || v.Origin.Level == settings.Default {
			continue
		}
		if err := assign(flags.Lookup(setting.Name).Value, v.Texts); err != nil {
			return problem.New(problem.BadSetting, fmt.Sprintf("%s is %q", v.Origin, v), err, "Correct it")
		}
	}
	m.baseFrom = values["base"].Origin
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
	r, former, err := m.compare(ctx, dockerCLI, b)
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
		if err := m.try(ctx, b, former, &r); err != nil {
			return err
		}
		if err := say(writeTrial); err != nil {
			return err
		}
		stop = r.Verdict()
	}
	if stop == nil && m.apply {
		browser := !slices.Contains(m.runtimes.without, "browser")
		if known, ok := hasBrowser(ctx, dockerCLI, r.New.Image); ok {
			browser = known
		}
		if r.Backup, err = settings.SwitchTo(m.file(), r.New.Image, browser); err != nil {
			return err
		}
		r.Switched = m.file()
	}
	if m.how.json {
		err = writeJSON(dockerCLI.Out(), r)
	} else if stop == nil {
		err = m.writeNext(dockerCLI.Out(), r)
	}
	if err != nil {
		return err
	}
	return stop
}

// compare finds the old image, if there is one, and tells the difference.
func (m *migration) compare(ctx context.Context, dockerCLI command.Cli, b *builder.Builder) (r migrate.Report, former migrate.Former, err error) {
	if len(m.runtimes.bases) > 1 {
		return r, former, problem.New(problem.Usage, fmt.Sprintf("there are %d bases, but one image moves at a time", len(m.runtimes.bases)), nil, "Name one base")
	}
	components, err := templates.Components()
	if err != nil {
		return r, former, err
	}
	known, _ := templates.Releases(components, m.runtimes.server)
	former, err = migrate.FindFormer(ctx, b, migrate.Wanted{
		Image: m.image, Base: cmp.Or(m.runtimes.bases...), BaseFrom: m.baseFrom.String(),
		Version: m.runtimes.version, Known: known, Repository: m.runtimes.repository,
	})
	if err != nil {
		return r, former, err
	}
	r.Base, r.BaseFrom, m.runtimes.bases = former.Base, former.BaseFrom, []string{former.Base}
	// Client and server have to be of one version.
	if m.runtimes.version == "" && m.runtimes.source == "" && slices.Contains(known, former.Version) {
		m.runtimes.version = former.Version
	}
	platform := m.runtimes.platform
	m.runtimes.platform = "" // of the engine's is what is compared
	p, err := m.runtimes.sketch(ctx, dockerCLI)
	if err != nil {
		return r, former, err
	}
	in := p.Deps.Components
	if p.Deps.Given {
		deps, err := b.Find(ctx, p.Deps.Image)
		if err != nil {
			return r, former, err
		}
		in = strings.Split(deps.Labels()[payload.LabelComponents], ",")
	}
	ref := p.Runtimes[0].Image
	if len(m.runtimes.tags) > 0 {
		ref = m.runtimes.tags[0]
	}
	r.Rows = migrate.Compare(
		migrate.Old{
			Base: r.Base, Image: former.Ref, Version: former.Version, ExtraDeps: m.runtimes.extraDeps, ExtraBuildArgs: m.buildArgs,
			Platform: platform, ForceRebuild: m.forced, Browser: !slices.Contains(m.runtimes.without, "browser"),
		},
		migrate.New{Image: ref, Version: p.Deps.Version, Platform: "linux/" + b.Engine.Arch, Components: in})
	r.ExtraDeps = []migrate.Row{}
	if m.runtimes.extraDeps == "" {
		return r, former, nil
	}
	found, err := b.Programs(ctx, r.Base, migrate.Programs(m.runtimes.extraDeps))
	if err != nil {
		return r, former, err
	}
	r.ExtraDeps = migrate.Judge(m.runtimes.extraDeps, migrate.Base{Name: r.Base, Has: func(program string) bool { return found[program] }})
	return r, former, nil
}

// try builds the new image, and looks at both.
func (m *migration) try(ctx context.Context, b *builder.Builder, former migrate.Former, r *migrate.Report) error {
	results, err := m.how.build(ctx, b, &m.runtimes)
	if err != nil {
		return err
	}
	payloadMade, made := results[0], results[len(results)-1]
	t := migrate.Trial{
		Ref: made.References[len(made.References)-1], Old: former,
		NewBuilt: migrate.Built{Seconds: made.Seconds, Reused: made.Reused}, PayloadBuilt: migrate.Built{Seconds: payloadMade.Seconds, Reused: payloadMade.Reused},
	}
	client := sandbox.Client{Engine: b.Engine, Logf: b.Logf}
	found, err := b.Find(ctx, t.Ref)
	if err != nil {
		return err
	}
	report, err := client.Verify(ctx, t.Ref, found, true)
	if err != nil {
		return err
	}
	if r.Verified = &report; len(report.Servers) > 0 {
		t.NewStartSeconds = report.Servers[0].Seconds
	}
	if t.Payload, err = b.Find(ctx, payloadMade.ID); err != nil {
		return err
	}
	if t.New, err = b.Find(ctx, made.ID); err != nil {
		return err
	}
	if former.Image != nil {
		if t.OldBuildSeconds, err = b.Engine.BuildSeconds(ctx, former.Ref, former.Base); err != nil {
			return err
		}
		if t.Base, err = b.Local(ctx, former.Base); err != nil {
			return err
		}
		health, seconds, err := client.LiveTraditional(ctx, former.Image)
		if err != nil {
			return err
		}
		r.OldHealth, t.OldStartSeconds = &health, seconds
	}
	r.Old, r.New = t.Measure()
	return nil
}
