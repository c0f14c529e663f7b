package buildx

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/buildx/buildxtest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/progress"
	"github.com/moby/buildkit/util/progress/progressui"
)

// step is what a build says of a step that failed after it had printed something.
func step(name, failure string, output ...string) string {
	quoted := func(text string) string {
		data, _ := json.Marshal(text) // strings always encode
		return string(data)
	}
	begun := `{"vertexes":[{"digest":"sha256:aa","name":` + quoted(name) + `,"started":"2026-01-01T00:00:00Z"`
	text := begun + "}]}\n"
	for _, part := range output {
		text += `{"logs":[{"vertex":"sha256:aa","stream":2,"data":"` + base64.StdEncoding.EncodeToString([]byte(part)) + `","timestamp":"2026-01-01T00:00:01Z"}]}` + "\n"
	}
	return text + begun + `,"completed":"2026-01-01T00:00:02Z","error":` + quoted(failure) + "}]}\nERROR: failed to solve: " + failure + "\n"
}

// A build that fails says why in the failed step's own last words, and where all
// of it is.
func TestFailedStep(t *testing.T) {
	const wrapper = `process "/bin/sh -c if [ -s /dev/openhands-ca ]; then export A; fi; sh /run/extra" did not complete successfully: exit code: 127`
	for name, test := range map[string]struct {
		said string
		want string // cause
	}{
		"a program": {
			step("[stage-1 2/3] RUN --mount=type=secret if [ -s /dev/openhands-ca ]", wrapper, "one\ntwo\nthree\n", "fo", "ur\nfive\n\n", "sh: apt-get: \x1b[31mnot found"),
			"the step stage-1 2/3 ended with status 127, after saying: two / three / four / five / sh: apt-get: not found",
		},
		"an old engine": {
			step("[2/2] RUN x", "executor failed running [/bin/sh -c x]: exit code: 1", "no\n"),
			"the step 2/2 ended with status 1, after saying: no",
		},
		"a command of two lines": {
			step("[2/2] RUN x", "executor failed running [/bin/sh -c x\n. y]: exit code: 127", "no\n"),
			"the step 2/2 ended with status 127, after saying: no",
		},
		"without a word": {step("[2/2] RUN false", wrapper), "failed to solve: " + wrapper},
		"something else": {step("[1/2] FROM x", "x: not found", "resolving\n"), "failed to solve: x: not found"},
		"a hostile step": {
			step("[\x1b]0;OWNED\a] RUN x", wrapper, strings.Repeat("y", 1<<20)+"\n"),
			`the step \x1b ended with status 127, after saying: ` + strings.Repeat("y", keptBytes),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("XDG_CACHE_HOME", t.TempDir())
			buildxtest.ClearEnvironment(t)
			file := filepath.Join(t.TempDir(), "said")
			if err := os.WriteFile(file, []byte(test.said), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, mode := range []progressui.DisplayMode{progressui.PlainMode, progressui.QuietMode, progressui.RawJSONMode} {
				var log strings.Builder
				c := &Client{
					CLI:  buildxtest.NewStandIn(t, `[ "$2" = --help ] && echo rawjson && exit; cat `+file+` >&2; exit 1`),
					View: progress.New(&log, mode),
				}
				err := c.Bake(t.Context(), Target{Dockerfile: "FROM x\n", Tags: []string{"x:1"}})
				var p *problem.Error
				if !errors.As(err, &p) || p.Code != problem.BuildFailed || p.Cause.Error() != test.want {
					t.Fatalf("%s: it ends with\n%v\nwant the cause\n%s", mode, err, test.want)
				}
				_, kept, found := strings.Cut(p.Next, "All that the build said is in ")
				all, err := os.ReadFile(kept)
				if err != nil || !found {
					t.Fatalf("%s: %q, %v", mode, p.Next, err)
				}
				if !strings.Contains(string(all), "#1 ERROR: ") || strings.Contains(string(all), "\x1b") || test.want[:3] == "the" && !strings.Contains(string(all), "#1 1.000 ") {
					t.Errorf("%s: the log is\n%s", mode, all)
				}
			}
		})
	}
}
