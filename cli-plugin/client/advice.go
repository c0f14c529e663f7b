package client

import (
	"fmt"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Advice is what somebody does so that a client takes an image.
type Advice struct {
	Client   string    `json:"client"`
	Image    string    `json:"image"`
	Settings []Setting `json:"settings"` // the one that --write writes first
	Warnings []string  `json:"warnings"` // what may keep it from working, a sentence each
	Notes    []string  `json:"notes"`    // what else there is to know
}

// Setting is what is written into one place.
type Setting struct {
	Where  string `json:"where"` // for people
	Format Format `json:"format"`
	Text   string `json:"text"` // whole lines

	Variables []payload.Var `json:"-"` // of the format Env
}

// Format is the language of a setting.
type Format string

// The formats. Env is one variable a line, NAME=VALUE, as --env-file of docker
// and the files .env of compose have it.
const (
	Env    Format = "env"
	TOML   Format = "toml"
	YAML   Format = "yaml"
	Python Format = "python"
)

// environment adds variables.
func (a *Advice) environment(where string, variables ...payload.Var) {
	var text strings.Builder
	for _, v := range variables {
		fmt.Fprintf(&text, "%s=%s\n", v.Name, v.Value)
	}
	a.Settings = append(a.Settings, Setting{Where: where, Format: Env, Text: text.String(), Variables: variables})
}

// text adds a setting of another format.
func (a *Advice) text(where string, format Format, lines ...string) {
	a.Settings = append(a.Settings, Setting{Where: where, Format: format, Text: strings.Join(lines, "\n") + "\n"})
}

func (a *Advice) warn(format string, args ...any) {
	a.Warnings = append(a.Warnings, fmt.Sprintf(format, args...))
}

func (a *Advice) note(format string, args ...any) {
	a.Notes = append(a.Notes, fmt.Sprintf(format, args...))
}
