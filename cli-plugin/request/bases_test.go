package request

import (
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/google/go-cmp/cmp"
)

func TestBases(t *testing.T) {
	for text, want := range map[string][]string{
		"alpine:3.20":                             {"alpine:3.20"},
		"\ufeffa\r\n\r\nb:1\r\n":                  {"a", "b:1"},
		"# one\n  scratch\t# none\n#\n\na\na\n":   {"scratch", "a", "a"},
		strings.Repeat("#\n", maxBases-1) + "a\n": {"a"},
	} {
		lines, err := listed(t.Context(), "list", strings.NewReader(text))
		var got []string
		for _, l := range lines {
			got = append(got, l.Base)
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%.30q: %v %s", text, err, diff)
		}
	}
}

// A line in JSON has tags of its own.
func TestBasesWithTags(t *testing.T) {
	const list = `alpine:3.20 # small
{"base": "debian:12", "tag": "team/eval:{base.image}#"}
 {"tag": ["a:1", "b:1"], "base": "scratch"}
`
	got, err := listed(t.Context(), "list", strings.NewReader(list))
	want := []Listed{{Base: "alpine:3.20"}, {"debian:12", []string{"team/eval:{base.image}#"}}, {"scratch", []string{"a:1", "b:1"}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v: %+v", err, got)
	}
}

// What is wrong with a list is told with its line, in bounded memory.
func TestBasesRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "there is no base in list",
		"#\n":                              "there is no base in list",
		"a\nb\nC\nd":                       "line 3 of list is no base: \"C\": ",
		"a\n\x1b]0;x\a\n":                  `line 2 of list is no base: "\x1b]0;x\a": `,
		"a\n" + strings.Repeat("b", 1<<20): "line 2 of list is no base: it has more than 4096 bytes",
		strings.Repeat("a\n", maxBases+1):  "list has more than 10000 lines",
		"a\x00b":                           `line 1 of list is no base: "a\x00b": `,
		"--base":                           "line 1 of list is no base",
		"{}":                               "line 1 of list is no base: its object has no base",
		`{"base":"a","tags":["b"]}`:        `unknown field "tags"`,
		`{"base":"a","tag":3}`:             "line 1 of list is no base: json: ",
		`{"base":"a"} b`:                   "there is more behind its object",
		`{"base":"A"}`:                     `line 1 of list is no base: "A": `,
		`{"base":"a"`:                      "unexpected EOF",
	} {
		_, err := listed(t.Context(), "list", strings.NewReader(text))
		var p *problem.Error
		if !errors.As(err, &p) || p.Code != problem.Usage || p.Next == "" || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: %v, want %q", text, err, want)
		}
	}
	endless, _ := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := listed(ctx, "list", endless); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted list: %v", err)
	}
}
