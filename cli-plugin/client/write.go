package client

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Write puts the first setting of an advice for img into a file. Variables and
// config.toml are edited, with every other line as it was. Of another format the
// file has to be new, or to say the same already.
func (a *Advice) Write(file string, img Image) error {
	first := a.Settings[0]
	if first.Format == TOML {
		browser, known := img.Has("browser")
		return settings.WriteImage(file, img.Name, browser || !known)
	}
	before, err := settings.ReadFile(file)
	if err != nil {
		return err
	}
	after := first.Text
	switch {
	case first.Format == Env:
		after = setVariables(string(before), first.Variables)
	case before != nil && string(before) != after:
		return problem.New(problem.NotWritable, fmt.Sprintf("%s says something else", file), nil,
			"Name a new file: what is in this one cannot be told from what would have to be changed")
	}
	return settings.WriteFile(file, []byte(after), 0o644)
}

// assignment is a line of a file with variables that sets one.
var assignment = regexp.MustCompile(`^(\s*(?:export\s+)?)([A-Za-z_][A-Za-z0-9_]*)=`)

// setVariables returns a text with variables set. Lines that set one of them
// already are changed in their place, the others come at the end.
func setVariables(text string, variables []payload.Var) string {
	values, done := map[string]string{}, map[string]bool{}
	for _, v := range variables {
		values[v.Name] = v.Value
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		if set := assignment.FindStringSubmatch(line); set != nil {
			if value, ours := values[set[2]]; ours {
				done[set[2]] = true
				line = set[0] + value + "\n"
			}
		}
		b.WriteString(line)
	}
	if text != "" && !strings.HasSuffix(b.String(), "\n") {
		b.WriteByte('\n')
	}
	for _, v := range variables {
		if !done[v.Name] {
			fmt.Fprintf(&b, "%s=%s\n", v.Name, v.Value)
		}
	}
	return b.String()
}
