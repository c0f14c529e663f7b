package command

import (
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
}

// Flags that only one of the modes knows.
var (
	onlyTwoStage = []string{"server", "builder-base", "with", "without", "python-env", "component-dir", "deps-image", "user", "no-sudo", "layer-order", "assemble",
		"export-library-path", "package-config", "pull", "offline", "push", "output", "compression"}
	onlyTraditional = []string{"build-folder", "extra-build-args", "strict-tags"}
)

// check refuses an unknown mode and flags of the other one, and turns the
// choice against a browser into that of a component.
func (o *modeOptions) check(cmd *cobra.Command, runtimes *runtimeOptions) error {
	others := onlyTraditional
	switch o.mode {
	case modeTwoStage:
		if o.leaveOutBrowser() && !slices.Contains(runtimes.without, "browser") {
			runtimes.without = append(runtimes.without, "browser")
		}
	case modeTraditional:
		others = onlyTwoStage
	default:
		return problem.Usagef("--mode is %q, not %s or %s", o.mode, modeTwoStage, modeTraditional)
	}
	for _, flag := range others {
		if cmd.Flags().Changed(flag) {
			return problem.Usagef("--%s has no meaning in the %s mode", flag, o.mode)
		}
	}
	if runtimes.source != "" && cmd.Flags().Changed("openhands-version") {
		return problem.New(problem.Usage, "--source and --openhands-version exclude each other", nil, "The sources say which version they are")
	}
	return nil
}

func (o *modeOptions) leaveOutBrowser() bool { return o.noBrowser || !o.browser }

// oldSpelling accepts the flags of "python -m openhands.runtime.utils.runtime_build".
func oldSpelling(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	switch name = strings.ReplaceAll(name, "_", "-"); name {
	case "base-image":
		name = "base"
	case "no-enable-browser":
		name = "no-browser"
	}
	return pflag.NormalizedName(name)
}
