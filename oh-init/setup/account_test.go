//go:build linux

package setup

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Account files as large as set-up reads them, with all IDs taken from which it
// would choose, take no time that is worth a word.
func TestManyAccounts(t *testing.T) {
	var passwd, group strings.Builder
	passwd.WriteString("root:x:0:0:root:/root:/bin/sh\n")
	group.WriteString("root:x:0:\n")
	for id := 1; passwd.Len() < MaxFile-100; id++ {
		fmt.Fprintf(&passwd, "u%d:x:%[1]d:%[1]d::/:\n", id)
		fmt.Fprintf(&group, "g%d:x:%[1]d:\n", id)
	}
	lines := strings.Count(passwd.String(), "\n")
	at := t.TempDir()
	tree{file("/etc/passwd", passwd.String(), 0o644), file("/etc/group", group.String(), 0o644)}.unpack(t, at)
	start := time.Now()
	changes := plan(t, at, Options{Sudo: true, Arch: "amd64"})
	if took := time.Since(start); took > 10*time.Second { // a tenth of a second, on an idle machine
		t.Errorf("%d lines took %v", lines, took)
	}
	want := fmt.Sprintf("\nopenhands:*:%d:%[1]d:openhands:", lines)
	for _, c := range changes {
		if c.Path == passwdFile && !strings.Contains(string(c.Content), want) {
			t.Errorf("passwd ends with %q, want %q", c.Content[len(c.Content)-200:], want)
		}
	}
}

func TestFree(t *testing.T) {
	var all strings.Builder
	for id := range 100_000 {
		fmt.Fprintf(&all, "u%d:x:%[1]d:%[1]d::/:\n", id)
	}
	for _, test := range []struct {
		lines          string
		id, step, want int
	}{
		{"", 1000, 1, 1000},
		{"a:x:1000:\nb:x:1001:", 1000, 1, 1002},
		{"a:x:999:\nb:x:998:", 999, -1, 997},
		{"a:x:2:\nb:x:1:\nc:x:3:", 2, -1, 4},
		{"a:x:4294967294:\n", maxID, 1, maxID - 1},
		{all.String(), 1000, 1, 100_000},
		{all.String(), 999, -1, 100_000},
	} {
		table := &table{lines: strings.Split(test.lines, "\n")}
		if got := table.free(test.id, test.step); got != test.want {
			t.Errorf("from %d by %d, of %d lines: got %d, want %d", test.id, test.step, len(table.lines), got, test.want)
		}
	}
}

// A line that names no account does not hide the one that does, and no ID is
// taken for another one.
func TestAccountOfOddLines(t *testing.T) {
	for text, want := range map[string]account{
		"me:x:1000:100::/home/me:/bin/sh":               {"me", 1000, 100, "/home/me"},
		"me:x::::\nme:x:7:8::/srv:":                     {"me", 7, 8, "/srv"},
		"me:x:4294967295:1::/x:\nme:x:4294967294:1::x:": {"me", maxID, 1, "/"},
		"me:x:-1:1::/x:":                                {},
		"me:x:99999999999999999999:1::/x:":              {},
		"me:x:5:-1::/x:":                                {"me", 5, 0, "/x"},
		"me:x:5":                                        {"me", 5, 0, "/"},
		"me2:x:5:5::/x:":                                {},
	} {
		table := &table{lines: strings.Split(text, "\n")}
		if got, ok := table.account("me"); got != want || ok != (want.name != "") {
			t.Errorf("%q: got %+v, %v", text, got, ok)
		}
	}
}
