// Package settings finds the value of each setting and where it came from. In
// order: the flag, the variable OH_BUILD_*, OpenHands' own configuration (the
// variables SANDBOX_* and config.toml), the plugin's section of docker's
// config.json, and the default. An empty value counts as none, except in a
// flag.
//
// The core is pure: Sources in, Values out. WriteFile and ReadFile apart,
// nothing here touches a disk or the environment.
package settings

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// Kind is the type of a value.
type Kind string

// The kinds. In a variable and in docker's config.json, where every value is a
// text, the items of a list are separated by commas, and words are written as
// for a shell.
const (
	Boolean Kind = "boolean"
	Text    Kind = "string"
	Number  Kind = "number"
	List    Kind = "list"
	Words   Kind = "words"
	Mixed   Kind = "list or string"
)

func (k Kind) describe() string {
	switch k {
	case Number:
		return "an integer"
	case Mixed:
		return "a list of strings or a string"
	case List, Words:
		return "a list of strings"
	}
	return "a " + string(k)
}

// Setting is something that a user can choose once for many commands.
type Setting struct {
	Name    string // of the flag without dashes, and in docker's config.json
	Kind    Kind   // Boolean, Text, Number, List or Words
	Default []string
	Choices []string // nil: any value
}

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

// Sources are all places that a value can come from.
type Sources struct {
	Flags      map[string][]string // those that are on the command line
	Getenv     func(string) string
	TOML       *TOML             // nil without a file
	Docker     map[string]string // the plugin's section
	DockerFile string            // name of the file that it stands in
}

// Values are resolved settings by name.
type Values map[string]Value

// Resolve finds the value of every setting. A value of the wrong type is an
// error that says where it stands, also where a stronger source hides it in
// the end.
func Resolve(all []Setting, s Sources) (Values, error) {
	values := Values{}
	if s.TOML != nil {
		if _, err := s.TOML.Section(sandbox); err != nil {
			return nil, err
		}
	}
	for _, setting := range all {
		v, err := s.resolve(setting)
		if err != nil {
			return nil, err
		}
		values[setting.Name] = v
	}
	return values, nil
}

// Weaken resets that one of two settings which comes from a weaker source, the
// second where both come from the same one. Two flags are left to the command.
func (values Values) Weaken(first, second string) {
	a, okA := values[first]
	b, okB := values[second]
	if !okA || !okB || a.Origin.Level == Flag && b.Origin.Level == Flag {
		return
	}
	lost := second
	if b.Origin.Level < a.Origin.Level {
		lost = first
	}
	v := values[lost]
	v.Origin = Origin{Level: Default}
	values[lost] = v
}

func (s Sources) resolve(setting Setting) (Value, error) {
	var found []Value
	if texts, ok := s.Flags[setting.Name]; ok {
		found = append(found, Value{Setting: setting, Texts: texts, Origin: Origin{Level: Flag, Name: setting.Name}})
	}
	for _, source := range []func(Setting) ([]Value, error){s.variables, s.openhands, s.docker} {
		more, err := source(setting)
		if err != nil {
			return Value{}, err
		}
		found = append(found, more...)
	}
	for _, v := range found {
		if v.Origin.Level == Flag {
			continue // checked where it is used
		}
		for _, text := range v.Texts {
			if err := setting.check(text, v.Origin); err != nil {
				return Value{}, err
			}
		}
	}
	found = slices.DeleteFunc(found, func(v Value) bool {
		return v.Origin.Level != Flag && strings.Join(v.Texts, "") == ""
	})
	return append(found, Value{Setting: setting, Texts: setting.Default, Origin: Origin{Level: Default}})[0], nil
}

// check refuses texts that are not of the setting's kind or choices.
func (s Setting) check(text string, from Origin) error {
	if text == "" {
		return nil
	}
	var err error
	switch s.Kind {
	case Boolean:
		_, err = strconv.ParseBool(text)
	case Number:
		_, err = strconv.ParseInt(text, 10, 64)
	}
	if err != nil {
		return wrong(from, text, "not "+s.Kind.describe())
	}
	if s.Choices != nil && !slices.Contains(s.Choices, text) {
		return wrong(from, text, "not one of "+strings.Join(s.Choices, ", "))
	}
	return nil
}

func wrong(from Origin, text, why string) error {
	code := problem.BadSetting
	if from.Level == Flag {
		code = problem.Usage
	}
	return problem.New(code, fmt.Sprintf("%s is %q, %s", from, text, why), nil,
		"Correct it; 'docker openhands config' lists every setting and where it comes from")
}

// Parse turns the text of a variable, or of docker's config.json, into the
// texts of a value.
func (s Setting) Parse(text string, from Origin) ([]string, error) {
	if text = strings.TrimSpace(text); text == "" {
		return nil, nil
	}
	if s.Kind != List {
		if err := s.check(text, from); err != nil {
			return nil, err
		}
		if s.Kind == Boolean {
			yes, _ := strconv.ParseBool(text) // checked
			text = strconv.FormatBool(yes)
		}
		return []string{text}, nil
	}
	var texts []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			texts = append(texts, item)
		}
	}
	return texts, nil
}

func (s Sources) getenv(name string) string {
	if s.Getenv == nil {
		return ""
	}
	return s.Getenv(name)
}

// VariableName is the name of the variable for a setting.
func VariableName(setting string) string {
	return "OH_BUILD_" + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}

func (s Sources) variables(setting Setting) ([]Value, error) {
	from := Origin{Level: Variable, Name: VariableName(setting.Name)}
	texts, err := setting.Parse(s.getenv(from.Name), from)
	return []Value{{Setting: setting, Texts: texts, Origin: from}}, err
}

func (s Sources) docker(setting Setting) ([]Value, error) {
	from := Origin{Level: Docker, Name: "plugins." + Plugin + "." + setting.Name, File: s.DockerFile}
	texts, err := setting.Parse(s.Docker[setting.Name], from)
	return []Value{{Setting: setting, Texts: texts, Origin: from}}, err
}
