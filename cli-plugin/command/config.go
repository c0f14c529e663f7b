package command

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newConfig(dockerCLI command.Cli) *cobra.Command {
	var file, openhands, image string
	var asJSON, yes bool
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print every setting and where it comes from",
		Long: `Prints every setting of the commands build, run and tags, and where its value
comes from. In order, a value comes from

  the flag                   --extra-deps 'CMD'
  a variable                 OH_BUILD_EXTRA_DEPS='CMD'
  OpenHands' configuration   the variable SANDBOX_RUNTIME_EXTRA_DEPS, then
                             runtime_extra_deps in section [sandbox] of
                             config.toml; any setting:
                             [extended.docker-openhands] extra-deps
  docker's config.json       docker openhands config set extra-deps 'CMD'
  the default

config.toml is that of the working directory, or what --config or the variable
OH_BUILD_CONFIG names. Items of a list are separated by commas outside of it.

A config.toml that was not named, but lies in the working directory, chooses
values only. What names files of this machine, the origin of code, other images
or arguments of the build is refused, until --trust allows this folder's file as
it is now; --trust=false takes that back.`,
		Example: `  docker openhands config --json
  docker openhands config --trust`,
		Args: noSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("trust") {
				if file != "" {
					return problem.New(problem.Usage, "--trust is for the config.toml of the working directory: one that --config names needs no yes", nil, "Leave one of them out")
				}
				return trust(dockerCLI, yes)
			}
			if openhands != "" {
				return writeOpenHands(cmd.Context(), dockerCLI, file, openhands, image)
			}
			if image != "" {
				return problem.Usagef("--image is for --write-openhands only")
			}
			if err := settings.CheckVariables(everySetting(dockerCLI), notes(dockerCLI)); err != nil {
				return err
			}
			values, err := resolved(dockerCLI, file)
			if err != nil {
				return err
			}
			if asJSON {
				return document.Write(dockerCLI.Out(), document.Settings{Settings: values})
			}
			return writeSettings(dockerCLI.Out(), values)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&file, "config", "", "Configuration of OpenHands to read (default: config.toml in the working directory)")
	flags.StringVar(&openhands, "write-openhands", "", "Write what OpenHands needs to use a built image into this config.toml")
	flags.StringVar(&image, "image", "", "Image for --write-openhands (default: what build would make)")
	flags.BoolVar(&yes, "trust", false, "Let config.toml of the working directory choose everything, as long as it stays as it is")
	flags.BoolVar(&asJSON, "json", false, "Print JSON")
	annotate(flags, map[string]facts{
		"config":          {suggests: suggestTOML},
		"write-openhands": {suggests: suggestTOML},
		"image":           {suggests: suggestRuntimes},
	})
	cmd.AddCommand(newConfigSet(dockerCLI), newConfigUnset(dockerCLI))
	return cmd
}

// configured are the flags of the commands that have settings.
func configured(dockerCLI command.Cli) []*pflag.FlagSet {
	return []*pflag.FlagSet{newBuild(dockerCLI).Flags(), newRun(dockerCLI).Flags(), newTags(dockerCLI).Flags()}
}

// everySetting returns all settings of those commands.
func everySetting(dockerCLI command.Cli) func() []settings.Setting {
	return func() []settings.Setting { return settingsOf(configured(dockerCLI)...) }
}

// resolved are all settings, in the order of their names.
func resolved(dockerCLI command.Cli, file string) ([]settings.Value, error) {
	sources, err := otherSources(dockerCLI, file)
	if err != nil {
		return nil, err
	}
	all := everySetting(dockerCLI)()
	values, err := settings.Resolve(all, sources)
	if err != nil {
		return nil, err
	}
	values.ModeByRule(sources.TOML, modeTraditional)
	values.Judge(sources.TOML, unusedIn(values[modeFlag].String(), configured(dockerCLI)...))
	var sorted []settings.Value
	for _, setting := range all {
		sorted = append(sorted, values[setting.Name])
	}
	return sorted, nil
}

// trust keeps the user's yes to the found file, or takes it back, and prints what
// it means.
func trust(dockerCLI command.Cli, give bool) error {
	if !give {
		if err := settings.Distrust(); err != nil {
			return err
		}
		_, err := fmt.Fprintf(dockerCLI.Out(), "%s of this folder may choose values only\n", settings.FoundTOML)
		return err
	}
	grants, err := settings.Trust(everySetting(dockerCLI)())
	if err != nil {
		return err
	}
	if len(grants) == 0 {
		_, err := fmt.Fprintf(dockerCLI.Out(), "%s of this folder chooses values only: it needs no yes\n", settings.FoundTOML)
		return err
	}
	var text strings.Builder
	for _, grant := range grants {
		fmt.Fprintf(&text, "  %s: %s, %s\n", grant.Origin, grant.Reach, grant.Flags)
	}
	_, err = fmt.Fprintf(dockerCLI.Out(), "As long as it stays as it is, %s of this folder may\n%s", settings.FoundTOML, text.String())
	return err
}

func writeSettings(w io.Writer, values []settings.Value) error {
	table := terminal.NewTable(w)
	table.Row("NAME", "VALUE", "FROM")
	for _, v := range values {
		text := v.String()
		if strings.ContainsFunc(text, strconv.IsGraphic) == (text == "") || strings.ContainsAny(text, "\n\t") {
			text = strconv.Quote(text)
		}
		origin := v.Origin
		origin.File = homely(origin.File)
		from := origin.String()
		if v.Refused {
			from += ", refused without 'config --trust'"
		}
		table.Row(v.Name, text, from)
	}
	return table.Flush()
}

func newConfigSet(dockerCLI command.Cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set NAME VALUE",
		Short: "Choose a value in docker's config.json",
		Example: `  docker openhands config set mode two-stage
  docker openhands config set without browser,vscode`,
		Args: arguments(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			setting, err := settingNamed(dockerCLI, args[0])
			if err != nil {
				return err
			}
			file := dockerCLI.ConfigFile().Filename
			value, err := setting.Parse(args[1], settings.Origin{Level: settings.Flag, Name: setting.Name})
			if err != nil {
				return err
			}
			if len(value) == 0 {
				return problem.New(problem.Usage, "an empty value stands for none", nil, fmt.Sprintf("Use 'docker openhands config unset %s'", setting.Name))
			}
			return settings.EditDocker(file, setting.Name, settings.Value{Setting: setting, Texts: value}.String())
		},
		ValidArgsFunction: completeSettings(dockerCLI),
	}
	return cmd
}

func newConfigUnset(dockerCLI command.Cli) *cobra.Command {
	return &cobra.Command{
		Use:     "unset NAME",
		Example: "  docker openhands config unset without",
		Short:   "Take a value out of docker's config.json",
		Args:    arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			docker := dockerCLI.ConfigFile()
			if _, ok := docker.Plugins[settings.Plugin][args[0]]; ok { // also one that no setting has any more
				return settings.EditDocker(docker.Filename, args[0], "")
			}
			_, err := settingNamed(dockerCLI, args[0])
			return err
		},
		ValidArgsFunction: completeSettings(dockerCLI),
	}
}

func settingNamed(dockerCLI command.Cli, name string) (settings.Setting, error) {
	var names []string
	for _, setting := range everySetting(dockerCLI)() {
		if setting.Name == name {
			return setting, nil
		}
		names = append(names, setting.Name)
	}
	return settings.Setting{}, problem.New(problem.Usage, fmt.Sprintf("%q is no setting", name), nil, problem.Meant(problem.Similar(names, name), "%s")+"There are "+strings.Join(names, ", "))
}

func completeSettings(dockerCLI command.Cli) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var words []string
		for _, setting := range everySetting(dockerCLI)() {
			switch {
			case len(args) == 0:
				words = append(words, setting.Name)
			case len(args) == 1 && args[0] == setting.Name && setting.Kind == settings.Boolean:
				words = []string{"true", "false"}
			case len(args) == 1 && args[0] == setting.Name:
				words = setting.Choices
			}
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}
