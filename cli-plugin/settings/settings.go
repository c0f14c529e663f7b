// Package settings finds the value of each setting and where it came from. In
// order: the flag, the variable OH_BUILD_*, OpenHands' own configuration (the
// variables SANDBOX_* and config.toml), the plugin's section of docker's
// config.json, and the default. An empty value counts as none, except in a
// flag.
//
// The core is pure: Sources in, Values out. Beside it are the files that settings
// are in, a config.toml that was merely found, and the variables of this process.
package settings

import (
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
