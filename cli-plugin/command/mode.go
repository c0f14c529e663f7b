package command

import (
	"cmp"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The modes: images of our own layers, or those of the Dockerfile inside
// OpenHands' sources.
const (
	modeTwoStage    = "two-stage"
	modeTraditional = "traditional"
)

// modeOptions are shared by the modes.
type modeOptions struct {
	mode      string
	noBrowser bool
	browser   bool // the default, which scripts like to spell out
}

func (o *modeOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.mode, "mode", modeTwoStage, "two-stage, or traditional: the Dockerfile and the tags of OpenHands' own builder")
	f.BoolVar(&o.noBrowser, "no-browser", false, "Leave the browser out")
	f.BoolVar(&o.browser, "enable-browser", true, "Do not leave the browser out")
	f.Lookup("enable-browser").Hidden = true
	annotate(f, map[string]facts{
		"mode":           {group: groupTraditional, modes: bothModes(), choices: bothModes()},
		"no-browser":     factsOfNoBrowser(),
		"enable-browser": {group: groupWhat, modes: bothModes(), denies: "no-browser"},
	})
}

func factsOfNoBrowser() facts {
	return facts{group: groupWhat, modes: bothModes(), spellings: []string{"no-enable-browser"}}
}

func bothModes() []string       { return []string{modeTwoStage, modeTraditional} }
func onlyTwoStage() []string    { return []string{modeTwoStage} }
func onlyTraditional() []string { return []string{modeTraditional} }

// check refuses an unknown mode and flags of the other one, and turns the
// choice against a browser into that of a component.
func (o *modeOptions) check(cmd *cobra.Command, runtimes *runtimeOptions) error {
	switch o.mode {
	case modeTwoStage:
		if o.leaveOutBrowser() && !slices.Contains(runtimes.without, "browser") {
			runtimes.without = append(runtimes.without, "browser")
		}
	case modeTraditional:
	default:
		return problem.Usagef("--mode is %q, not %s or %s", o.mode, modeTwoStage, modeTraditional)
	}
	for _, flag := range unusedIn(o.mode, cmd.Flags()) {
		if cmd.Flags().Changed(flag) {
			return problem.Usagef("--%s has no meaning in the %s mode", flag, o.mode)
		}
	}
	runtimes.serverChosen = cmd.Flags().Changed("server")
	if runtimes.source != "" && cmd.Flags().Changed("openhands-version") {
		return problem.New(problem.Usage, "--source and --openhands-version exclude each other", nil, "The sources say which version they are")
	}
	return nil
}

func (o *modeOptions) leaveOutBrowser() bool { return o.noBrowser || !o.browser }

// acceptOldSpellings lets flags have underscores, and the names that were theirs
// before. They must all be defined.
func acceptOldSpellings(flags *pflag.FlagSet) {
	names := map[string]string{}
	flags.VisitAll(func(f *pflag.Flag) {
		for _, old := range factsOf(f).spellings {
			names[old] = f.Name
		}
	})
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		name = strings.ReplaceAll(name, "_", "-")
		return pflag.NormalizedName(cmp.Or(names[name], name))
	})
}
