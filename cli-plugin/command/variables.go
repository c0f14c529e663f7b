package command

import (
	"os"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
	"github.com/docker/cli/cli/command"
)

// checkVariables names the variables of this process that look like those of
// settings and are none, and refuses values of the wrong type, also of settings
// that the command which was called does not have.
func checkVariables(dockerCLI command.Cli, note func(format string, args ...any)) error {
	var given []string
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, settings.VariableName("")) {
			given = append(given, name)
		}
	}
	if len(given) == 0 {
		return nil
	}
	known := []string{settings.VariableName("config")}
	var names []string
	for _, setting := range settingsOf(configured(dockerCLI)...) {
		name := settings.VariableName(setting.Name)
		if _, err := setting.Parse(os.Getenv(name), settings.Origin{Level: settings.Variable, Name: name}); err != nil {
			return err
		}
		known = append(known, name)
		names = append(names, setting.Name)
	}
	slices.Sort(given)
	for _, name := range given {
		if slices.Contains(known, name) {
			continue
		}
		meantFor := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, settings.VariableName("")), "_", "-"))
		var variables []string
		for _, setting := range problem.Similar(names, meantFor) {
			variables = append(variables, settings.VariableName(setting))
		}
		note("the variable %s is no setting. %s'docker openhands config' lists all", name, problem.Meant(variables, "%s"))
	}
	return nil
}
