package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

//go:embed expected.toml
var expected []byte

// difference is a test that fails over some bases for some users, and why that
// is not to be mended here.
type difference struct {
	Test   string   // FILE::NAME, without parameters
	Bases  []string // empty: all
	Users  []string // empty: all
	Reason string
}

func readDifferences() ([]difference, error) {
	var file struct{ Difference []difference }
	if err := toml.Unmarshal(expected, &file); err != nil {
		return nil, fmt.Errorf("reading expected.toml: %w", err)
	}
	for _, d := range file.Difference {
		if d.Reason == "" {
			return nil, fmt.Errorf("reading expected.toml: %s has no reason", d.Test)
		}
	}
	return file.Difference, nil
}

func (d difference) covers(test, base, user string) bool {
	return d.Test == test && (len(d.Bases) == 0 || slices.Contains(d.Bases, base)) && (len(d.Users) == 0 || slices.Contains(d.Users, user))
}

// result is what came of the tests over one base, as one user.
type result struct {
	base, user      string
	passed, skipped int
	foreseen        []difference
	failed          []string // not foreseen
	gone            []string // foreseen, and passed
}

func judge(base, user string, cases []testCase, differences []difference) result {
	r := result{base: base, user: user}
	for _, c := range cases {
		name, _, _ := strings.Cut(c.Name, "[")
		test := c.Class[strings.LastIndex(c.Class, ".")+1:] + ".py::" + name
		i := slices.IndexFunc(differences, func(d difference) bool { return d.covers(test, base, user) })
		switch failed := c.Failure != nil || c.Error != nil; {
		case failed && i >= 0:
			r.foreseen = append(r.foreseen, differences[i])
		case failed:
			r.failed = append(r.failed, test)
		case c.Skipped != nil:
			r.skipped++
		case i >= 0:
			r.gone = append(r.gone, test)
		default:
			r.passed++
		}
	}
	return r
}

// markdown returns the results as a document, and whether all is as expected.
func markdown(s suite, commit string, results []result) (string, bool) {
	var text, notes strings.Builder
	from := "a checkout of OpenHands"
	if commit != "" {
		from += " at " + commit
	}
	fmt.Fprintf(&text, "# OpenHands' own tests of its runtime\n\n"+
		"`make upstream-suite SOURCE=DIR` runs tests/runtime of %s (%s) with the client %s of the Python index.\n\n"+
		"| base | sessions of | passed | skipped by OpenHands | fail as expected | others that fail |\n|---|---|---|---|---|---|\n",
		from, strings.Join(s.tests, ", "), s.release)
	sound := true
	told := map[string]bool{}
	for _, r := range results {
		fmt.Fprintf(&text, "| %s | %s | %d | %d | %d | %d |\n", r.base, r.user, r.passed, r.skipped, len(r.foreseen), len(r.failed))
		for _, d := range r.foreseen {
			if line := fmt.Sprintf("- `%s`: %s\n", d.Test, d.Reason); !told[line] {
				told[line] = true
				notes.WriteString(line)
			}
		}
		for _, test := range r.failed {
			sound = false
			fmt.Fprintf(&notes, "- `%s` over %s as %s: **not expected**\n", test, r.base, r.user)
		}
		for _, test := range r.gone {
			sound = false
			fmt.Fprintf(&notes, "- `%s` over %s as %s: **passes**, against what is expected\n", test, r.base, r.user)
		}
	}
	if notes.Len() > 0 {
		text.WriteString("\n" + notes.String())
	}
	return text.String(), sound
}
