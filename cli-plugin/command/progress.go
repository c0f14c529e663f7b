package command

import (
	"os"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/progress"
	"github.com/docker/cli/cli/command"
	"github.com/moby/buildkit/util/progress/progressui"
)

// plainVariables ask for lines instead of a live view, whatever their values are:
// that of systems for continuous integration, and https://no-color.org.
func plainVariables() []string { return []string{"CI", "NO_COLOR"} }

// viewOf shows what a command does in a mode of --progress. The standard error gets
// it: a terminal there is drawn on.
func viewOf(dockerCLI command.Cli, mode string) (*progress.View, error) {
	display, err := displayMode(dockerCLI, mode)
	if err != nil {
		return nil, err
	}
	return progress.New(os.Stderr, display), nil
}

// meanwhile calls do and, where it takes long, shows what it waits for. It is for
// commands without --progress; the outcome is told by others.
func meanwhile(dockerCLI command.Cli, what string, do func() error) error {
	view, err := viewOf(dockerCLI, string(progressui.AutoMode))
	if err != nil {
		return err
	}
	step := view.Wait(what)
	err = do()
	step.End(err)
	return err
}

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
