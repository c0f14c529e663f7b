package buildx

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	bkclient "github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

// What is kept of a step's output, to say why it failed: so many lines of so many
// bytes, and so many steps.
const (
	keptLines = 5
	keptBytes = 300
	keptSteps = 10_000
)

// outputs are the last lines of the steps of a build.
type outputs struct {
	steps  map[digest.Digest]*output
	failed *output // nil: none
}

type output struct {
	name  string
	err   string
	lines []string // that are not empty
	part  []byte   // of a line that goes on
}

// note takes in what a build says.
func (o *outputs) note(status *bkclient.SolveStatus) {
	if o.steps == nil {
		o.steps = map[digest.Digest]*output{}
	}
	for _, log := range status.Logs {
		if step := o.of(log.Vertex); step != nil {
			step.add(log.Data)
		}
	}
	for _, vertex := range status.Vertexes {
		if vertex.Error == "" || strings.HasSuffix(vertex.Error, context.Canceled.Error()) {
			continue
		}
		if step := o.of(vertex.Digest); step != nil {
			step.name, step.err = vertex.Name, vertex.Error
			o.failed = step
		}
	}
}

func (o *outputs) of(id digest.Digest) *output {
	if o.steps[id] == nil && len(o.steps) < keptSteps {
		o.steps[id] = &output{}
	}
	return o.steps[id]
}

func (s *output) add(data []byte) {
	for {
		line, rest, ended := bytes.Cut(data, []byte("\n"))
		if room := keptBytes - len(s.part); room > 0 {
			s.part = append(s.part, line[:min(len(line), room)]...)
		}
		if !ended {
			return
		}
		if text := strings.TrimSpace(terminal.Log(string(s.part))); text != "" {
			s.lines = append(s.lines, text)
			s.lines = slices.Delete(s.lines, 0, max(0, len(s.lines)-keptLines))
		}
		s.part, data = s.part[:0], rest
	}
}

// processFailed is what BuildKit says of a step whose program failed: the whole
// command, which can be of several lines, and the status.
var processFailed = regexp.MustCompile(`(?s)(?:did not complete successfully|executor failed running).*exit (?:code|status): (\d+)`)

// stepError is the failure of a program that a build ran.
type stepError struct {
	text string
	err  error // buildx's
}

func (e *stepError) Error() string { return e.text }
func (e *stepError) Unwrap() error { return e.err }

// cause says in the failed step's own words why a build ended with err, where a
// program in it failed that said something.
func (o *outputs) cause(err error) error {
	if o.failed == nil {
		return err
	}
	if len(o.failed.part) > 0 {
		o.failed.add([]byte("\n"))
	}
	status := processFailed.FindStringSubmatch(o.failed.err)
	if status == nil || len(o.failed.lines) == 0 {
		return err
	}
	step, _, _ := strings.Cut(strings.TrimPrefix(o.failed.name, "["), "]")
	if !strings.HasPrefix(o.failed.name, "[") {
		step, _, _ = strings.Cut(o.failed.name, " ")
	}
	return &stepError{fmt.Sprintf("the step %s ended with status %s, after saying: %s", terminal.Line(step), status[1], strings.Join(o.failed.lines, " / ")), err}
}
