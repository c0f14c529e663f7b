package settings

import (
	"os"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// CheckVariables notes which variables of this process look like those of settings
// and are none, and refuses values of the wrong type. All returns the settings
// there are, also those that the command which was called does not have.
func CheckVariables(all func() []Setting, note func(format string, args ...any)) error {
	var given []string
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, VariableName("")) {
			given = append(given, name)
		}
	}
	if len(given) == 0 {
		return nil
	}
	known := []string{VariableName("config")}
	var names []string
	for _, setting := range all() {
		name := VariableName(setting.Name)
		if _, err := setting.Parse(os.Getenv(name), Origin{Level: Variable, Name: name}); err != nil {
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
		meantFor := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, VariableName("")), "_", "-"))
		var variables []string
		for _, setting := range problem.Similar(names, meantFor) {
			variables = append(variables, VariableName(setting))
		}
		note("the variable %s is no setting. %s'docker openhands config' lists all", name, problem.Meant(variables, "%s"))
	}
	return nil
}
