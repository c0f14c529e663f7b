package settings

import (
	"bytes"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Bytes returns the text of the file.
func (t *TOML) Bytes() []byte {
	if t.mark {
		return append([]byte(byteOrderMark), t.text...)
	}
	return slices.Clone(t.text)
}

// set returns the file with value, a string or a boolean, at path, which ends
// with a key and begins with its section. Nothing else changes: comments, the
// order and the spelling of all other values stay. Where the file cannot be
// changed in this way, the error says what to write into it by hand.
func (t *TOML) set(value any, path ...string) (*TOML, error) {
	literal := encode(value)
	if e, ok := t.find(path...); ok && e.kind != unstable.InlineTable {
		if e.text == fmt.Sprint(value) && e.kind == kindOf(value) {
			return t, nil
		}
		return t.replaced(e.value, e.end, literal, value, path)
	}
	table, key := path[:len(path)-1], path[len(path)-1]
	if e, ok := t.find(table...); ok && e.kind == unstable.InlineTable {
		if len(e.inner) == 0 {
			return t.replaced(e.value, e.end, "{ "+assignment(literal, key)+" }", value, path)
		}
		end := t.entries[e.inner[len(e.inner)-1]].end
		return t.replaced(end, end, ", "+assignment(literal, key), value, path)
	}
	for _, s := range slices.Backward(t.sections) {
		if slices.Equal(s.path, table) && !s.array {
			return t.insertedLine(s.last, assignment(literal, key), value, path)
		}
	}
	for _, e := range slices.Backward(t.entries) { // sandbox.platform = "…" without a header
		above := t.sections[e.section].path
		if !e.inline && len(above) < len(table) && len(e.path) > len(table) && slices.Equal(e.path[:len(table)], table) {
			return t.insertedLine(e.start, assignment(literal, path[len(above):]...), value, path)
		}
	}
	text := t.newline()
	if len(t.text) == 0 {
		text = ""
	} else if !bytes.HasSuffix(t.text, []byte("\n")) {
		text += text
	}
	text += "[" + join(table) + "]" + t.newline() + assignment(literal, key) + t.newline()
	return t.replaced(len(t.text), len(t.text), text, value, path)
}

// insertedLine inserts a line below the end of the expression that offset is
// in, indented as it is.
func (t *TOML) insertedLine(offset int, line string, value any, path []string) (*TOML, error) {
	start := offset
	for _, e := range t.entries {
		if !e.inline && e.start <= offset && offset <= e.end {
			start, offset = e.start, e.end
		}
	}
	begin := bytes.LastIndexByte(t.text[:start], '\n') + 1
	indent := t.text[begin : begin+len(t.text[begin:])-len(bytes.TrimLeft(t.text[begin:], " \t"))]
	line = string(indent) + line
	if i := bytes.IndexByte(t.text[offset:], '\n'); i >= 0 {
		return t.replaced(offset+i+1, offset+i+1, line+t.newline(), value, path)
	}
	return t.replaced(len(t.text), len(t.text), t.newline()+line+t.newline(), value, path)
}

// replaced puts text in the place of [start, end) and makes sure that all
// values but the one at path are what they were.
func (t *TOML) replaced(start, end int, text string, value any, path []string) (*TOML, error) {
	after := slices.Concat(t.text[:start], []byte(text), t.text[end:])
	var want, got map[string]any
	err := toml.Unmarshal(t.text, &want)
	if err == nil {
		err = toml.Unmarshal(after, &got)
	}
	if err == nil && (!insert(want, value, path) || !reflect.DeepEqual(want, got)) {
		err = fmt.Errorf("other values would change")
	}
	if err != nil {
		return nil, problem.New(problem.BadSetting, fmt.Sprintf("%s cannot be changed", t.Name), err,
			fmt.Sprintf("Set %s to %s in it by hand", strings.Join(path, "."), encode(value)))
	}
	if t.mark {
		after = append([]byte(byteOrderMark), after...)
	}
	return ParseTOML(t.Name, after)
}

// insert puts value into the tree, and reports whether tables lead there.
func insert(tree map[string]any, value any, path []string) bool {
	for _, name := range path[:len(path)-1] {
		if tree[name] == nil {
			tree[name] = map[string]any{}
		}
		below, ok := tree[name].(map[string]any)
		if !ok {
			return false
		}
		tree = below
	}
	tree[path[len(path)-1]] = value
	return true
}

func (t *TOML) newline() string {
	if i := bytes.IndexByte(t.text, '\n'); i > 0 && t.text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

func assignment(literal string, keys ...string) string { return join(keys) + " = " + literal }

var bare = regexp.MustCompile(`^[0-9A-Za-z_-]+$`)

func join(keys []string) string {
	var parts []string
	for _, key := range keys {
		if !bare.MatchString(key) {
			key = encode(key)
		}
		parts = append(parts, key)
	}
	return strings.Join(parts, ".")
}

func kindOf(value any) unstable.Kind {
	if _, ok := value.(bool); ok {
		return unstable.Bool
	}
	return unstable.String
}

// encode returns value as TOML.
func encode(value any) string {
	if b, ok := value.(bool); ok {
		return strconv.FormatBool(b)
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range fmt.Sprint(value) {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
