package command

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configurable lets every flag of cmd that stays unset take its value from the
// other sources of settings. It adds the flag that names one of them. Flags of
// cmd must all be defined.
func configurable(cmd *cobra.Command, dockerCLI command.Cli) {
	file := cmd.Flags().String("config", "", "Configuration of OpenHands to read (default: config.toml in the working directory)")
	annotate(cmd.Flags(), map[string]facts{"config": {group: groupFrom, call: true, suggests: suggestTOML}})
	before := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if before != nil {
			if err := before(cmd, args); err != nil {
				return err
			}
		}
		sources, err := otherSources(dockerCLI, *file)
		if err != nil {
			return err
		}
		note := notes(dockerCLI)
		if progress := cmd.Flags().Lookup("progress"); progress != nil && progress.Value.String() == "quiet" {
			note = func(string, ...any) {}
		}
		if err := settings.CheckVariables(everySetting(dockerCLI), note); err != nil {
			return err
		}
		return configure(cmd.Flags(), sources, notes(dockerCLI))
	}
}

// notes writes lines for people, beside what a command prints.
func notes(dockerCLI command.Cli) func(format string, args ...any) {
	return func(format string, args ...any) {
		fmt.Fprintln(dockerCLI.Err(), terminal.Line(fmt.Sprintf("note: "+format, args...)))
	}
}

const modeFlag = "mode"

// settingsOf are the settings behind the flags of commands, by name.
func settingsOf(flagSets ...*pflag.FlagSet) []settings.Setting {
	byName := map[string]settings.Setting{}
	for _, flags := range flagSets {
		flags.VisitAll(func(f *pflag.Flag) {
			if isSetting(f) {
				byName[f.Name] = settings.Setting{Name: f.Name, Kind: kindOf(f), Default: texts(f.Value), Choices: factsOf(f).choices}
			}
		})
	}
	var all []settings.Setting
	for _, setting := range byName {
		all = append(all, setting)
	}
	slices.SortFunc(all, func(a, b settings.Setting) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

func kindOf(f *pflag.Flag) settings.Kind {
	switch _, list := f.Value.(pflag.SliceValue); {
	case factsOf(f).kind != "":
		return factsOf(f).kind
	case list:
		return settings.List
	case f.Value.Type() == "bool":
		return settings.Boolean
	case f.Value.Type() == "uint16":
		return settings.Number
	}
	return settings.Text
}

func texts(v pflag.Value) []string {
	if list, ok := v.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	return []string{v.String()}
}

// otherSources are all but the flags.
func otherSources(dockerCLI command.Cli, file string) (settings.Sources, error) {
	docker := dockerCLI.ConfigFile()
	s := settings.Sources{Getenv: os.Getenv, Docker: docker.Plugins[settings.Plugin], DockerFile: docker.Filename}
	name := cmp.Or(file, os.Getenv(settings.VariableName("config")))
	var err error
	if name == "" {
		s.TOML, err = settings.ReadFound()
		return s, err
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return s, problem.New(problem.BadSetting, "the configuration of OpenHands cannot be read", err, "Correct --config or the variable OH_BUILD_CONFIG")
	}
	s.TOML, err = settings.ParseTOML(name, text)
	return s, err
}

// configure sets flags from the sources. Their field Changed stays as it is:
// it tells what the command line says.
func configure(flags *pflag.FlagSet, s settings.Sources, note func(format string, args ...any)) error {
	s.Flags = given(flags)
	all := settingsOf(flags)
	values, err := settings.Resolve(all, s)
	if err != nil {
		return err
	}
	values.ModeByRule(s.TOML, modeTraditional)
	// What names the same thing in two ways: the stronger source decides.
	flags.VisitAll(func(f *pflag.Flag) {
		if other := factsOf(f).yieldsTo; other != "" {
			values.Weaken(other, f.Name)
		}
	})
	if v, ok := values["progress"]; ok && !v.Origin.Found && (v.String() == "quiet" || v.String() == "rawjson") {
		note = func(string, ...any) {}
	}
	unused := unusedIn(values[modeFlag].String(), flags)
	noteMode(values, unused, note)
	if err := values.Heed(s.TOML, unused, note); err != nil {
		return err
	}
	for _, setting := range all {
		v := values[setting.Name]
		if v.Origin.Level == settings.Flag || v.Origin.Level == settings.Default && setting.Name != modeFlag ||
			v.Origin.Found && slices.Contains(unused, setting.Name) {
			continue
		}
		if err := assign(flags.Lookup(setting.Name).Value, v.Texts); err != nil {
			return badValue(v, flags.Lookup(setting.Name).Value, err)
		}
	}
	return nil
}

// badValue is the error for a value that a flag does not take.
func badValue(v settings.Value, flag pflag.Value, cause error) error {
	return problem.New(problem.BadSetting, fmt.Sprintf("%s is %q, not %s", v.Origin, v, wanted(flag, cause)), nil,
		"Correct it; 'docker openhands config' lists every setting and where it comes from")
}

// given are the settings that the command line says.
func given(flags *pflag.FlagSet) map[string][]string {
	flagged := map[string][]string{}
	flags.Visit(func(f *pflag.Flag) {
		name, values := f.Name, texts(f.Value)
		if denied := factsOf(f).denies; denied != "" {
			name, values = denied, []string{strconv.FormatBool(values[0] != "true")}
			if flags.Changed(name) {
				return
			}
		}
		flagged[name] = values
	})
	return flagged
}

func assign(to pflag.Value, texts []string) error {
	if list, ok := to.(pflag.SliceValue); ok {
		return list.Replace(texts)
	}
	return to.Set(strings.Join(texts, ""))
}

// unusedIn are the flags that have no meaning in a mode, in the order of their
// names; none where a command has no modes.
func unusedIn(mode string, flagSets ...*pflag.FlagSet) []string {
	var unused []string
	for _, flags := range flagSets {
		flags.VisitAll(func(f *pflag.Flag) {
			if factsOf(f).meaningless(mode) {
				unused = append(unused, f.Name)
			}
		})
	}
	slices.Sort(unused)
	return slices.Compact(unused)
}

// noteMode says which mode it is where nobody chose one, and what it makes of
// settings of the other one that were made for this folder or call.
func noteMode(values settings.Values, unused []string, note func(format string, args ...any)) {
	mode, ok := values[modeFlag]
	if !ok {
		return
	}
	if mode.Origin.Level == settings.Default && mode.Origin.File != "" {
		note("the mode is %s, because %s:%d has a section [sandbox]; to move, try --mode %s, and keep it with 'docker openhands config set mode %[4]s'",
			modeTraditional, mode.Origin.File, mode.Origin.Line, modeTwoStage)
	}
	for _, name := range unused {
		if v, ok := values[name]; ok && (v.Origin.Level == settings.Variable || v.Origin.Level == settings.OpenHands) {
			note("%s has no meaning in the %s mode", v.Origin, mode)
		}
	}
}

// homely shortens a path for people.
func homely(path string) string {
	if home, err := os.UserHomeDir(); err == nil {
		if rest, err := filepath.Rel(home, path); err == nil && filepath.IsLocal(rest) {
			return filepath.Join("~", rest)
		}
	}
	return path
}
