package command

import (
	"os"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker/cli/cli/command"
	"github.com/moby/buildkit/util/progress/progressui"
)

// plainVariables ask for lines instead of a live view, whatever their values are:
// that of systems for continuous integration, and https://no-color.org.
func plainVariables() []string { return []string{"CI", "NO_COLOR"} }

// displayMode is how progress is shown on the standard error.
func displayMode(dockerCLI command.Cli, text string) (progressui.DisplayMode, error) {
	switch mode := progressui.DisplayMode(text); mode {
	case progressui.AutoMode:
		for _, name := range plainVariables() {
			if os.Getenv(name) != "" {
				return progressui.PlainMode, nil
			}
		}
		return mode, nil
	case progressui.TtyMode:
		if !dockerCLI.Err().IsTerminal() {
			return "", problem.New(problem.Usage, "--progress tty needs a terminal as the standard error", nil, "Leave it out: without a terminal there are plain lines")
		}
		return mode, nil
	case progressui.PlainMode, progressui.QuietMode, progressui.RawJSONMode:
		return mode, nil
	}
	return "", problem.Usagef("--progress is %q, not auto, plain, tty, quiet or rawjson", text)
}
