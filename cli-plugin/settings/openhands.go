package settings

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// sandbox is the section that makes a config.toml one of an existing user.
const sandbox = "sandbox"

// own is the section of a config.toml for settings that OpenHands does not
// know: it lets anything stand below "extended", and refuses other keys in
// the sections that it reads.
var own = []string{"extended", "docker-openhands"}

// spelling is what OpenHands calls a setting.
type spelling struct {
	variables []string   // empty ones count as not set
	keys      [][]string // paths in config.toml
	kind      Kind       // of the value there
	negated   bool
}

func inSandbox(key string, kind Kind) spelling {
	return spelling{variables: []string{"SANDBOX_" + strings.ToUpper(key)}, keys: [][]string{{sandbox, key}}, kind: kind}
}

// spellings are by setting. Later versions of OpenHands moved enable_browser
// out of the section [sandbox].
var spellings = map[string]spelling{
	"base":             inSandbox("base_container_image", Text),
	"image":            inSandbox("runtime_container_image", Text),
	"extra-deps":       inSandbox("runtime_extra_deps", Text),
	"extra-build-args": inSandbox("runtime_extra_build_args", List),
	"platform":         inSandbox("platform", Text),
	"force-rebuild":    inSandbox("force_rebuild_runtime", Boolean),
	"no-browser": {
		variables: []string{"SANDBOX_ENABLE_BROWSER", "ENABLE_BROWSER"},
		keys:      [][]string{{sandbox, "enable_browser"}, browserKey},
		kind:      Boolean, negated: true,
	},
	"repository": {variables: []string{"OH_RUNTIME_RUNTIME_IMAGE_REPO"}, kind: Text},
}

// Keys of OpenHands that have to do with an image which is built already.
var (
	imageKey   = []string{sandbox, "runtime_container_image"}
	browserKey = []string{"core", "enable_browser"}
)

// plain is a word that means itself in a shell.
var plain = regexp.MustCompile(`^[0-9A-Za-z_./:=@%+-]+$`)

// openhands looks into OpenHands' own configuration, where a variable is
// stronger than the file, as for OpenHands itself.
func (s Sources) openhands(setting Setting) ([]Value, error) {
	var found []Value
	known := spellings[setting.Name]
	for _, name := range known.variables {
		from := Origin{Level: OpenHands, Name: name}
		texts, err := known.parse(s.getenv(name), from)
		if err != nil {
			return nil, err
		}
		found = append(found, Value{Setting: setting, Texts: known.convert(setting, texts), Origin: from})
	}
	if s.TOML == nil {
		return found, nil
	}
	add := func(sp spelling, key []string) error {
		texts, line, ok, err := s.TOML.value(sp.kind, key...)
		if ok {
			from := Origin{Level: OpenHands, Name: strings.Join(key, "."), File: s.TOML.Name, Line: line, Found: s.TOML.Found}
			found = append(found, Value{Setting: setting, Texts: sp.convert(setting, texts), Origin: from})
		}
		return err
	}
	ours := spelling{kind: setting.Kind}
	switch setting.Kind {
	case List:
		ours.kind = Mixed
	case Words:
		ours.kind = List
	}
	if err := add(ours, slices.Concat(own, []string{setting.Name})); err != nil {
		return nil, err
	}
	for _, key := range known.keys {
		if err := add(known, key); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// parse reads the text of one of OpenHands' variables as it does: true and 1
// are true, anything else is false; a list is written as in Python.
func (sp spelling) parse(text string, from Origin) ([]string, error) {
	switch {
	case text == "", sp.kind == List && text == "None":
		return nil, nil
	case sp.kind == Boolean:
		lower := strings.ToLower(text)
		return []string{strconv.FormatBool(lower == "true" || lower == "1")}, nil
	case sp.kind == List:
		// Lists of strings are written alike in both languages, but for
		// escapes in single quotes.
		t, err := ParseTOML(from.Name, []byte("list = "+text))
		if err == nil && !strings.ContainsAny(text, "\\\n") {
			if texts, _, _, err := t.value(List, "list"); err == nil {
				return texts, nil
			}
		}
		return nil, wrong(from, text, "not a list of strings such as ['--no-cache', '--pull']")
	}
	return []string{text}, nil
}

// convert turns what OpenHands says into the setting's own terms.
func (sp spelling) convert(setting Setting, texts []string) []string {
	switch {
	case len(texts) == 0:
		return nil
	case sp.negated:
		return []string{strconv.FormatBool(texts[0] != "true")}
	case setting.Kind == Words:
		words := make([]string, len(texts))
		for i, text := range texts {
			words[i] = text
			if !plain.MatchString(text) {
				words[i] = "'" + strings.ReplaceAll(text, "'", `'"'"'`) + "'"
			}
		}
		return words
	}
	return texts
}

// ModeByRule completes the value of the setting mode where no source as strong
// chose one. A server that somebody chose is one of the default mode's, so it is
// that mode that they want. Else a config.toml with a section [sandbox] belongs
// to an existing user, who keeps the mode existing until told otherwise.
func (values Values) ModeByRule(file *TOML, existing string) {
	mode := values["mode"]
	if server, ok := values["server"]; ok && server.Origin.Level < mode.Origin.Level {
		mode.Texts, mode.Origin = mode.Default, server.Origin
		values["mode"] = mode
		return
	}
	if mode.Origin.Level != Default || file == nil {
		return
	}
	if line, err := file.Section(sandbox); err == nil && line > 0 { // Resolve has told the error
		mode.Texts = []string{existing}
		mode.Origin = Origin{Level: Default, Name: sandbox, File: file.Name, Line: line}
		values["mode"] = mode
	}
}

// useImage returns the file with what OpenHands needs to start an image that
// is built already, and whether its browser is to be used.
func (t *TOML) useImage(image string, browser bool) (*TOML, error) {
	changed, err := t.set(image, imageKey...)
	if err != nil {
		return nil, err
	}
	for _, key := range [][]string{{sandbox, "enable_browser"}, browserKey} {
		// True is the default, and goes without saying.
		if _, said := t.find(key...); said || !browser && key[0] == browserKey[0] {
			if changed, err = changed.set(browser, key...); err != nil {
				return nil, err
			}
		}
	}
	return changed, nil
}
