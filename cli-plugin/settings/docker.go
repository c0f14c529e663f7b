package settings

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// Plugin is the name of the plugin's section in docker's config.json.
const Plugin = "openhands"

// SetDocker returns the text of docker's config.json with the plugin's option
// name set to value, or removed where value is empty. All else is kept,
// whether this program knows it or not, in its order. It is indented as
// docker itself does it.
func SetDocker(text []byte, name, value string) ([]byte, error) {
	var file, plugins, section object
	if len(bytes.TrimSpace(text)) > 0 {
		if err := json.Unmarshal(text, &file); err != nil {
			return nil, err
		}
	}
	if err := file.get("plugins", &plugins); err != nil {
		return nil, err
	}
	if err := plugins.get(Plugin, &section); err != nil {
		return nil, err
	}
	var raw json.RawMessage
	if value != "" {
		raw = quoted(value)
	}
	section.set(name, raw)
	plugins.set(Plugin, section.raw())
	file.set("plugins", plugins.raw())
	compact := file.raw()
	if compact == nil {
		compact = []byte("{}")
	}
	var out bytes.Buffer
	err := json.Indent(&out, compact, "", "\t")
	out.WriteByte('\n')
	return out.Bytes(), err
}

// EditDocker sets a value of the plugin in docker's configuration, the file of that
// name; the empty value takes it out.
func EditDocker(file, name, value string) error {
	text, err := ReadFile(file)
	if err != nil {
		return err
	}
	edited, err := SetDocker(text, name, value)
	if err != nil {
		return problem.New(problem.BadSetting, file+" is not what docker writes", err, "Correct it by hand")
	}
	return WriteFile(file, edited, 0o600)
}

// object is a JSON object whose members keep their order and their text.
type object []member

type member struct {
	name  string
	value json.RawMessage
}

func (o *object) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	token, err := decoder.Token()
	if err != nil || token == nil {
		return err
	}
	if token != json.Delim('{') {
		return fmt.Errorf("it holds %s where an object belongs", text)
	}
	*o = object{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return err
		}
		*o = append(*o, member{name.(string), value})
	}
	return nil
}

// raw is the text of the object, nil for an empty one.
func (o object) raw() json.RawMessage {
	if len(o) == 0 {
		return nil
	}
	var b bytes.Buffer
	for i, m := range o {
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		b.WriteByte(separator)
		b.Write(quoted(m.name))
		b.WriteByte(':')
		b.Write(m.value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// quoted is text as a JSON string, without escapes for the sake of HTML.
func quoted(text string) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // strings always encode
	return bytes.TrimSpace(b.Bytes())
}

// get decodes a member, if there is one.
func (o object) get(name string, into *object) error {
	for _, m := range o {
		if m.name == name {
			if err := json.Unmarshal(m.value, into); err != nil {
				return fmt.Errorf("reading its member %q: %w", name, err)
			}
		}
	}
	return nil
}

// set gives a member a value, or removes it.
func (o *object) set(name string, value json.RawMessage) {
	kept := (*o)[:0:0]
	done := value == nil
	for _, m := range *o {
		switch {
		case m.name != name:
			kept = append(kept, m)
		case !done:
			kept = append(kept, member{name, value})
			done = true
		}
	}
	if !done {
		kept = append(kept, member{name, value})
	}
	*o = kept
}
