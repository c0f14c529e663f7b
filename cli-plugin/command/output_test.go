package command

import (
	"io"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/spf13/pflag"
)

// What is printed with --quiet is for $(...): an ID a line, of what was asked for.
func TestQuiet(t *testing.T) {
	deps := builder.Result{ID: "sha256:0d"}
	for name, test := range map[string]struct {
		results []builder.Result
		want    string
	}{
		"an engine":   {[]builder.Result{deps, {Base: "a", ID: "sha256:0a"}, {Base: "b", ID: "sha256:0b"}}, "sha256:0a\nsha256:0b\n"},
		"a registry":  {[]builder.Result{deps, {Base: "a", ID: "sha256:0a", Digest: "sha256:1a"}}, "sha256:1a\n"},
		"a payload":   {[]builder.Result{deps}, "sha256:0d\n"},
		"one failure": {[]builder.Result{deps, {Base: "a", Failure: &problem.Error{}}, {Base: "b", ID: "sha256:0b"}}, "sha256:0b\n"},
		"no image":    {[]builder.Result{deps, {Base: "a", Failure: &problem.Error{}}}, ""},
	} {
		var out strings.Builder
		if err := (&buildOptions{quiet: true}).show(t.Context(), nil, &out, test.results); err != nil || out.String() != test.want {
			t.Errorf("%s: %v, %q, want %q", name, err, &out, test.want)
		}
	}
	for text, want := range map[string]string{"-q": "quiet", "--quiet": "quiet", "--quiet=false": "auto"} {
		var o buildOptions
		f := pflag.NewFlagSet("build", pflag.ContinueOnError)
		f.SetOutput(io.Discard)
		o.flags(f)
		o.quietFlag(f)
		if err := f.Parse([]string{text}); err != nil || o.progress != want || o.quiet != (want == "quiet") {
			t.Errorf("%s: %v, %q, %v", text, err, o.progress, o.quiet)
		}
	}
}
