package settings

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Level is a kind of source, the strongest first.
type Level int

// The levels.
const (
	Flag Level = iota
	Variable
	OpenHands // its variables and its config.toml
	Docker
	Default
)

func (l Level) String() string {
	return [...]string{"flag", "variable", "openhands", "docker", "default"}[l]
}

// MarshalText makes a level a word in JSON.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Origin is where a value came from.
type Origin struct {
	Level Level  `json:"level"`          // flag, variable, openhands, docker or default
	Name  string `json:"name,omitempty"` // of the flag, variable or key
	File  string `json:"file,omitempty"`
	Line  int    `json:"line,omitempty"`
	Found bool   `json:"found,omitempty"` // the file was not named, but lay in the working directory
}

// String is for messages and for people.
func (o Origin) String() string {
	at := o.File
	if o.Line > 0 {
		at += ":" + strconv.Itoa(o.Line)
	}
	switch {
	case o.Level == Default && at != "":
		return fmt.Sprintf("default, as %s has a section [%s]", at, o.Name)
	case o.Level == Default:
		return "default"
	case o.Level == Flag:
		return "--" + o.Name
	case at == "":
		return "variable " + o.Name
	}
	return fmt.Sprintf("%s (%s)", at, o.Name)
}

// Value is a setting's value. A boolean is the text true or false. A scalar has
// at most one element, a list any number.
type Value struct {
	Setting
	Texts  []string
	Origin Origin

	Refused bool // its source may not choose it
}

// String is the value as it would be written into a variable.
func (v Value) String() string {
	if v.Kind == Words {
		return strings.Join(v.Texts, " ")
	}
	return strings.Join(v.Texts, ",")
}

// Entry is a Value in JSON.
type Entry struct {
	Name    string `json:"name"`
	Value   any    `json:"value"` // of the setting's own type; null stands for none
	Origin  Origin `json:"origin"`
	Refused bool   `json:"refused,omitempty"` // its source may not choose it, and does not count
}

// MarshalJSON writes an Entry.
func (v Value) MarshalJSON() ([]byte, error) {
	var value any
	switch {
	case v.Kind == List || v.Kind == Words:
		value = append([]string{}, v.Texts...)
	case len(v.Texts) == 0 || v.Texts[0] == "":
	case v.Kind == Boolean:
		value = v.Texts[0] == "true"
	case v.Kind == Number:
		value = json.Number(v.Texts[0])
	default:
		value = v.Texts[0]
	}
	return json.Marshal(Entry{v.Name, value, v.Origin, v.Refused})
}
