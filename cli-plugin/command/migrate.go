package command

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/migrate"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/sandbox"
	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
	"github.com/docker-openhands/docker-openhands/cli-plugin/tag"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/cli-plugin/traditional"
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

	config            string // file to read and to switch
	dry, apply, undo  bool
	forced            bool // force-rebuild is set, by whatever source
	baseFrom, depFrom settings.Origin
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
	if err := switchBack(m.file()); err != nil {
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
	m.baseFrom, m.depFrom = values["base"].Origin, values["extra-deps"].Origin
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
	var r migrationReport
	if err := m.compare(ctx, dockerCLI, b, &r); err != nil {
		return err
	}
	say := func(write func(io.Writer) error) error {
		if m.how.json {
			return nil
		}
		return write(dockerCLI.Out())
	}
	if err := say(r.writeComparison); err != nil {
		return err
	}
	stop := r.obstacle()
	if stop == nil && !m.dry {
		if err := m.try(ctx, b, &r); err != nil {
			return err
		}
		if err := say(r.writeTrial); err != nil {
			return err
		}
		stop = r.verdict()
	}
	if stop == nil && m.apply {
		browser := !slices.Contains(m.runtimes.without, "browser")
		if known, ok := hasBrowser(ctx, dockerCLI, r.New.Image); ok {
			browser = known
		}
		if r.Backup, err = switchTo(m.file(), r.New.Image, browser); err != nil {
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

// compare finds out what there is and tells the difference.
func (m *migration) compare(ctx context.Context, dockerCLI command.Cli, b *builder.Builder, r *migrationReport) error {
	if len(m.runtimes.bases) > 1 {
		return problem.New(problem.Usage, fmt.Sprintf("there are %d bases, but one image moves at a time", len(m.runtimes.bases)), nil, "Name one base")
	}
	if m.image != "" {
		old, err := b.Find(ctx, m.image)
		if err != nil {
			return err
		}
		if kind := old.Labels()[payload.LabelKind]; kind != "" {
			return problem.New(problem.NotMigrated, fmt.Sprintf("%s is an image of two stages already", m.image), nil, "There is nothing to do; 'docker openhands verify --live' checks it")
		}
		r.oldImage = old
		var base string
		if base, r.version = baseOf(old); len(m.runtimes.bases) == 0 && base != "" {
			m.runtimes.bases, r.BaseFrom = []string{base}, "tag of "+m.image
		}
		if len(m.runtimes.bases) == 0 {
			return problem.New(problem.Usage, fmt.Sprintf("no tag of %s tells what it was built over", m.image), nil, "Name its base with --base")
		}
	}
	if len(m.runtimes.bases) == 0 {
		m.runtimes.bases, r.BaseFrom = []string{traditional.DefaultBase}, "default of OpenHands"
	}
	r.Base = m.runtimes.bases[0]
	r.BaseFrom = cmp.Or(r.BaseFrom, m.baseFrom.String())
	if err := m.sameVersion(ctx, b, r); err != nil {
		return err
	}
	platform := m.runtimes.platform
	m.runtimes.platform = "" // of the engine's is what is compared
	p, err := m.runtimes.sketch(ctx, dockerCLI)
	if err != nil {
		return err
	}
	components := p.Deps.Components
	if p.Deps.Given {
		deps, err := b.Find(ctx, p.Deps.Image)
		if err != nil {
			return err
		}
		components = strings.Split(deps.Labels()[payload.LabelComponents], ",")
	}
	ref := p.Runtimes[0].Image
	if len(m.runtimes.tags) > 0 {
		ref = m.runtimes.tags[0]
	}
	r.Rows = migrate.Compare(
		migrate.Old{
			Base: r.Base, Image: m.image, Version: r.version, ExtraDeps: m.runtimes.extraDeps, ExtraBuildArgs: m.buildArgs,
			Platform: platform, ForceRebuild: m.forced, Browser: !slices.Contains(m.runtimes.without, "browser"),
		},
		migrate.New{Image: ref, Version: p.Deps.Version, Platform: "linux/" + b.Engine.Arch, Components: components})
	if m.runtimes.extraDeps == "" {
		r.ExtraDeps = []migrate.Row{}
		return nil
	}
	found, err := b.Programs(ctx, r.Base, migrate.Programs(m.runtimes.extraDeps))
	if err != nil {
		return err
	}
	r.ExtraDeps = migrate.Judge(m.runtimes.extraDeps, migrate.Base{Name: r.Base, Has: func(program string) bool { return found[program] }})
	return nil
}

// sameVersion chooses the version of the old image, unless one is chosen, and
// looks for the old image where none is named: client and server have to be of
// one version.
func (m *migration) sameVersion(ctx context.Context, b *builder.Builder, r *migrationReport) error {
	components, err := templates.Components()
	if err != nil {
		return err
	}
	known, _ := templates.Releases(components, m.runtimes.server)
	if r.oldImage == nil {
		candidates := known
		if m.runtimes.version != "" {
			candidates = []string{m.runtimes.version}
		}
		for _, version := range slices.Backward(candidates) {
			ref := m.runtimes.repository + ":" + tag.Versioned(version, r.Base)
			if r.oldImage, err = b.Local(ctx, ref); err != nil {
				return err
			}
			if r.oldImage != nil {
				m.image, r.version = ref, version
				break
			}
		}
	}
	if m.runtimes.version == "" && m.runtimes.source == "" && slices.Contains(known, r.version) {
		m.runtimes.version = r.version
	}
	return nil
}

// baseOf tells from an image's names what it was built over.
func baseOf(found *image.Image) (base, version string) {
	for _, name := range found.Names {
		if base, v, ok := tag.BaseOf(name[strings.LastIndexByte(name, ':')+1:]); ok {
			return base, v
		} else if v != "" {
			version = v
		}
	}
	return "", version
}

// obstacle is what makes building pointless.
func (r migrationReport) obstacle() error {
	for _, row := range r.Rows {
		if row.Effect == migrate.Fails {
			return problem.New(problem.NotMigrated, fmt.Sprintf("the %s %s cannot be kept: %s", row.Subject, row.Before, row.Why), nil,
				"Say otherwise with the flag of that name, or stay with the traditional mode")
		}
	}
	for _, row := range r.ExtraDeps {
		if row.Effect == migrate.Fails {
			return problem.New(problem.NotMigrated, fmt.Sprintf("the extra dependency %q would fail: %s", row.Subject, row.Why), nil,
				"Say what to run instead with --extra-deps, or choose another base with --base; every line that fails is in the table")
		}
	}
	return nil
}

// try builds the new image and looks at both.
func (m *migration) try(ctx context.Context, b *builder.Builder, r *migrationReport) error {
	results, err := m.how.build(ctx, b, &m.runtimes)
	if err != nil {
		return err
	}
	made := results[len(results)-1]
	ref := made.References[len(made.References)-1]
	report, err := examine(ctx, b, ref, true)
	if err != nil {
		return err
	}
	r.Verified = &report
	deps, err := b.Find(ctx, results[0].ID)
	if err != nil {
		return err
	}
	found, err := b.Find(ctx, made.ID)
	if err != nil {
		return err
	}
	r.New = &migrate.Measured{Image: ref, Bytes: found.Size, OwnBytes: found.Size - deps.Size, BuildSeconds: made.Seconds}
	switch {
	case made.Reused:
		r.New.BuildSeconds, r.New.BuildNote = 0, "it was there already"
	case results[0].Reused:
		r.New.BuildNote = "the payload was there already"
	default:
		r.New.BuildSeconds += results[0].Seconds
		r.New.BuildNote = fmt.Sprintf("%.1f s of it for the payload, which all bases share", results[0].Seconds)
	}
	if len(report.Servers) > 0 {
		r.New.StartSeconds = report.Servers[0].Seconds
	}
	if r.oldImage == nil {
		return nil
	}
	r.Old = &migrate.Measured{Image: m.image, Bytes: r.oldImage.Size, OwnBytes: r.oldImage.Size, BuildNote: "its layers do not tell"}
	if r.Old.BuildSeconds, err = b.Engine.BuildSeconds(ctx, m.image, r.Base); err != nil {
		return err
	}
	if base, err := b.Local(ctx, r.Base); err != nil {
		return err
	} else if base != nil {
		r.Old.OwnBytes -= base.Size
		if r.Old.BuildSeconds > 0 {
			r.Old.BuildNote = "at least: from its first layer to its last"
		}
		r.New.OwnBytes -= base.Size
	}
	health, seconds, err := sandbox.Client{Engine: b.Engine, Logf: b.Logf}.LiveTraditional(ctx, r.oldImage)
	if err != nil {
		return err
	}
	r.OldHealth, r.Old.StartSeconds = &health, seconds
	return nil
}

// verdict is an error where the new image should not be switched to. An old
// one that fails is no reason to stay with it.
func (r migrationReport) verdict() error {
	if r.Verified == nil || r.Verified.Passed {
		return nil
	}
	return problem.New(problem.NotMigrated, fmt.Sprintf("the new image %s does not pass (%d findings)", r.New.Image, r.Verified.Failures()), nil,
		"The old one is untouched; each finding says what to do")
}
