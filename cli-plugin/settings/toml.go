package settings

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// TOML is a config.toml: its text, and where in it each value stands.
type TOML struct {
	Name     string // of the file, for messages
	Found    bool   // it was not named, but lay in the working directory
	text     []byte // without a byte order mark
	mark     bool   // one stood before the text
	entries  []entry
	sections []section // [0] is what stands before the first header
}

// entry is a key with its value, dotted keys and inline tables resolved.
type entry struct {
	path    []string // from the root
	kind    unstable.Kind
	text    string  // of a scalar
	items   []entry // of an array
	start   int     // offset of the key
	value   int     // offset of the value
	end     int     // offset behind the value
	section int
	inline  bool  // inside an inline table
	inner   []int // of an inline table: the entries that stand in it
}

// section is a [header] and what follows it up to the next one.
type section struct {
	path  []string
	array bool // [[header]], or below one
	start int  // offset of the header's key
	last  int  // offset in the last line that says something
}

const byteOrderMark = "\xef\xbb\xbf"

// ParseTOML reads the text of a config.toml. A mistake in it is an error that
// names line and column.
func ParseTOML(name string, text []byte) (*TOML, error) {
	rest, mark := bytes.CutPrefix(text, []byte(byteOrderMark))
	t := &TOML{Name: name, text: rest, mark: mark, sections: []section{{}}}
	if err := toml.Unmarshal(t.text, new(map[string]any)); err != nil {
		return nil, t.broken(err)
	}
	var p unstable.Parser
	p.Reset(t.text)
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			t.addSection(e)
		case unstable.KeyValue:
			s := len(t.sections) - 1
			t.addEntry(e, t.sections[s].path, s, false)
			t.sections[s].last = int(e.Raw.Offset + e.Raw.Length)
		}
	}
	return t, p.Error()
}

func (t *TOML) broken(err error) error {
	at := t.Name
	if e, ok := errors.AsType[*toml.DecodeError](err); ok {
		row, column := e.Position() // in bytes
		lines := bytes.SplitAfterN(t.text, []byte("\n"), row+1)
		if row <= len(lines) && column <= len(lines[row-1]) {
			column = utf8.RuneCount(lines[row-1][:column-1]) + 1
		}
		at = fmt.Sprintf("%s:%d:%d", t.Name, row, column)
		err = errors.New(strings.TrimPrefix(e.Error(), "toml: "))
	}
	return problem.New(problem.BadSetting, at+" is not TOML", err, "Correct the file, or name another one with --config")
}

func (t *TOML) addSection(header *unstable.Node) {
	s := section{array: header.Kind == unstable.ArrayTable, start: -1}
	for keys := header.Key(); keys.Next(); {
		key := keys.Node()
		if s.start < 0 {
			s.start = int(key.Raw.Offset)
		}
		s.last = int(key.Raw.Offset + key.Raw.Length)
		s.path = append(s.path, string(key.Data))
	}
	for _, earlier := range t.sections {
		below := len(s.path) > len(earlier.path) && slices.Equal(earlier.path, s.path[:len(earlier.path)])
		s.array = s.array || earlier.array && below
	}
	t.sections = append(t.sections, s)
}

// addEntry adds the key-value node kv below path and returns its index.
func (t *TOML) addEntry(kv *unstable.Node, path []string, section int, inline bool) int {
	e := entry{path: slices.Clone(path), section: section, inline: inline, start: int(kv.Raw.Offset), end: int(kv.Raw.Offset + kv.Raw.Length)}
	after := 0
	for keys := kv.Key(); keys.Next(); {
		key := keys.Node()
		e.path = append(e.path, string(key.Data))
		after = int(key.Raw.Offset + key.Raw.Length)
	}
	e.value = after + bytes.IndexByte(t.text[after:], '=') + 1
	for t.text[e.value] == ' ' || t.text[e.value] == '\t' {
		e.value++
	}
	node := kv.Value()
	e.kind, e.text = node.Kind, string(node.Data)
	at := len(t.entries)
	t.entries = append(t.entries, e)
	switch e.kind {
	case unstable.InlineTable:
		for children := node.Children(); children.Next(); {
			inner := t.addEntry(children.Node(), e.path, section, true)
			t.entries[at].inner = append(t.entries[at].inner, inner)
		}
	case unstable.Array:
		for children := node.Children(); children.Next(); {
			item := children.Node()
			start := e.value // arrays inside arrays have no range of their own
			if item.Raw.Length > 0 {
				start = int(item.Raw.Offset)
			}
			t.entries[at].items = append(t.entries[at].items, entry{kind: item.Kind, text: string(item.Data), value: start})
		}
	}
	return at
}

// position returns the line and the column, in characters, both from 1.
func (t *TOML) position(offset int) (line, column int) {
	before := t.text[:offset]
	line = bytes.Count(before, []byte("\n")) + 1
	return line, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
}

// find returns the value at path.
func (t *TOML) find(path ...string) (entry, bool) {
	for _, e := range t.entries {
		if slices.Equal(e.path, path) && !t.sections[e.section].array {
			return e, true
		}
	}
	return entry{}, false
}

// Section returns the line where the table name begins, 0 where there is none.
// The file may spell it as a header, an inline table or with dotted keys.
func (t *TOML) Section(name string) (line int, err error) {
	offset := -1
	first := func(start int) {
		if offset < 0 || start < offset {
			offset = start
		}
	}
	for _, s := range t.sections[1:] {
		if s.path[0] != name {
			continue
		}
		if s.array && len(s.path) == 1 {
			return 0, t.wrongType(s.start, name, "an array of tables", "a section")
		}
		first(s.start)
	}
	for _, e := range t.entries {
		if e.path[0] != name {
			continue
		}
		if len(e.path) == 1 && e.kind != unstable.InlineTable {
			return 0, t.wrongType(e.value, name, describe(e.kind), "a section")
		}
		first(e.start)
	}
	if offset < 0 {
		return 0, nil
	}
	line, _ = t.position(offset)
	return line, nil
}

// value returns the texts of what stands at path, as kind.
func (t *TOML) value(kind Kind, path ...string) (texts []string, line int, found bool, err error) {
	e, found := t.find(path...)
	if !found {
		return nil, 0, false, nil
	}
	line, _ = t.position(e.start)
	name := strings.Join(path, ".")
	switch {
	case kind == List && e.kind == unstable.Array:
		texts = []string{}
		for _, item := range e.items {
			if item.kind != unstable.String {
				return nil, 0, false, t.wrongType(item.value, "an item of "+name, describe(item.kind), "a string")
			}
			texts = append(texts, item.text)
		}
		return texts, line, true, nil
	case (kind == Text || kind == Mixed) && e.kind == unstable.String,
		kind == Boolean && e.kind == unstable.Bool,
		kind == Number && e.kind == unstable.Integer:
		return []string{e.text}, line, true, nil
	case kind == Mixed && e.kind == unstable.Array:
		return t.value(List, path...)
	}
	return nil, 0, false, t.wrongType(e.value, name, describe(e.kind), kind.describe())
}

func (t *TOML) wrongType(offset int, name, is, want string) error {
	line, column := t.position(offset)
	return problem.New(problem.BadSetting, fmt.Sprintf("%s:%d:%d: %s is %s, not %s", t.Name, line, column, name, is, want), nil,
		"Correct the file, or name another one with --config")
}

func describe(kind unstable.Kind) string {
	switch kind {
	case unstable.String:
		return "a string"
	case unstable.Bool:
		return "a boolean"
	case unstable.Integer:
		return "an integer"
	case unstable.Float:
		return "a float"
	case unstable.Array:
		return "a list"
	case unstable.InlineTable:
		return "a table"
	default:
		return "a date or time"
	}
}
