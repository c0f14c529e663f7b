package account

import (
	"slices"
	"strings"
)

// table is one of the account files: lines of fields between colons, the name
// first.
type table struct {
	name    string
	lines   []string // without the line feed
	exists  bool
	changed bool
}

func readTable(from Reader, name string) (*table, error) {
	content, ok, err := from.ReadAccounts(name)
	if err != nil {
		return nil, err
	}
	t := &table{name: name, exists: ok}
	if len(content) > 0 { // else there is not even an empty line
		t.lines = strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
	}
	return t, nil
}

func (t *table) content() []byte { return []byte(strings.Join(t.lines, "\n") + "\n") }

const blanks = " \t\v\f\r"

// fields splits a line.
func (t *table) fields(line int) []string {
	return strings.Split(strings.TrimSuffix(strings.TrimLeft(t.lines[line], blanks), "\r"), ":")
}

// isName reports whether the first field of a line is the name of an account
// or group.
func isName(field string) bool { return field != "" && !strings.ContainsAny(field[:1], "#+-") }

func field(fields []string, i int) string {
	if i < len(fields) {
		return fields[i]
	}
	return ""
}

// number reads an ID, as strtoul(3) does: behind blanks and a plus.
func number(fields []string, i int) (int, bool) {
	id, err := ParseID(strings.TrimPrefix(strings.TrimLeft(field(fields, i), blanks), "+"))
	return id, err == nil
}

// find returns the index of the first line of a name, or -1.
func (t *table) find(name string) int {
	for i := range t.lines {
		if t.fields(i)[0] == name {
			return i
		}
	}
	return -1
}

// insert adds a line at an index, at the latest before the lines that hand over
// to a directory service. A negative index stands for the end.
func (t *table) insert(at int, fields ...string) {
	end := slices.IndexFunc(t.lines, func(line string) bool {
		return strings.HasPrefix(line, "+") || strings.HasPrefix(line, "-")
	})
	if end < 0 {
		end = len(t.lines)
	}
	if at < 0 || at > end {
		at = end
	}
	t.lines = slices.Insert(t.lines, at, strings.Join(fields, ":"))
	t.changed = true
}

// free returns the first ID that no line has from id on, upwards or downwards,
// within 1 to MaxID; where that side has none left, the other one's first.
func (t *table) free(id, step int) int {
	used := make(map[int]bool, len(t.lines))
	for i := range t.lines {
		if taken, ok := number(t.fields(i), 2); ok {
			used[taken] = true
		}
	}
	for next := id; ; next += step {
		if next < 1 || next > MaxID {
			next, step = id, -step
		}
		if !used[next] {
			return next
		}
	}
}

// addMember adds a user to the last field of a line of group or gshadow.
func (t *table) addMember(line int, user string) {
	f := t.fields(line)
	for len(f) < 4 {
		f = append(f, "")
	}
	if slices.Contains(strings.Split(f[3], ","), user) {
		return
	}
	f[3] = strings.TrimPrefix(f[3]+","+user, ",")
	t.lines[line] = strings.Join(f, ":")
	t.changed = true
}
