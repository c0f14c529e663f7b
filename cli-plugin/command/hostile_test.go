package command

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/migrate"
	"github.com/docker-openhands/docker-openhands/cli-plugin/pins"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/sandbox"
	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// hostile is what a label, a file name or a line of a server can be.
const hostile = "\x1b]0;OWNED\a\x1b[2J\u009b1m\u202e\x7f\xff\r"

// fill sets every string in v, and gives every list and map an element.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), text)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, text)
		fill(value, text)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() || v.Type().Field(i).Anonymous {
				fill(v.Field(i), text)
			}
		}
	}
}

func filled[T any](text string) T {
	var v T
	fill(reflect.ValueOf(&v).Elem(), text)
	return v
}

// shows are all the ways in which results are shown to people.
func shows(text string) map[string]func(io.Writer) error {
	inventory := filled[engine.Inventory](text)
	for i := range inventory.Images {
		inventory.Images[i].Payload = ""
	}
	report := filled[migrate.Report](text)
	return map[string]func(io.Writer) error{
		"build": func(w io.Writer) error { return writeResults(w, filled[[]builder.Result](text)) },
		"next": func(w io.Writer) error {
			made := filled[outcome](text)
			made.results = filled[[]builder.Result](text)
			made.server = payload.ActionExecutionServer
			return writeNext(w, made)
		},
		"passed": func(w io.Writer) error { return writePassed(w, filled[verify.Report](text), text, 0) },
		"dry run": func(w io.Writer) error {
			p := filled[plan.Plan](text)
			return writeExpected(w, p, filled[[]builder.Expected](text), nil)
		},
		"Dockerfile": func(w io.Writer) error {
			p := filled[plan.Plan](text)
			p.Runtimes = p.Runtimes[:1]
			return writeDockerfile(w, p)
		},
		"ls": func(w io.Writer) error { return (&listOptions{}).writeInventory(w, &inventory) },
		"ls --format": func(w io.Writer) error {
			return (&listOptions{viewOptions: viewOptions{format: "table {{.Image}}\t{{.Base}}\t{{json .}}"}}).writeInventory(w, &inventory)
		},
		"ls --quiet": func(w io.Writer) error {
			return (&listOptions{viewOptions: viewOptions{quiet: true, noTrunc: true}}).writeInventory(w, &inventory)
		},
		"inspect": func(w io.Writer) error { d := filled[engine.Details](text); return writeDetails(w, &d, false) },
		"inspect --format": func(w io.Writer) error {
			d := filled[engine.Details](text)
			return writeInspected(w, "{{.Base}} {{json .Labels}}", &d)
		},
		"prune": func(w io.Writer) error { return (&listOptions{}).writePruned(w, filled[document.Prune](text)) },
		"version": func(w io.Writer) error {
			p := filled[document.Program](text)
			return writeProgram(w, p)
		},
		"ps": func(w io.Writer) error { return writeServers(w, filled[[]sandbox.Listed](text), viewOptions{}) },
		"ps --format": func(w io.Writer) error {
			return writeServers(w, filled[[]sandbox.Listed](text), viewOptions{format: "table {{.Name}}\t{{json .}}"})
		},
		"ps --quiet": func(w io.Writer) error {
			return writeServers(w, filled[[]sandbox.Listed](text), viewOptions{quiet: true, noTrunc: true})
		},
		"finding":    func(w io.Writer) error { writeFinding(w, filled[payload.Finding](text)); return nil },
		"logs":       func(w io.Writer) error { _, err := (&logWriter{to: w}).Write([]byte(text + "\n")); return err },
		"verify":     func(w io.Writer) error { return writeReport(w, filled[verify.Report](text)) },
		"components": func(w io.Writer) error { return writeComponents(w, filled[[]componentReport](text)) },
		"config":     func(w io.Writer) error { return writeSettings(w, filled[[]settings.Value](text)) },
		"deps lock":  func(w io.Writer) error { return writePins(w, filled[[]pins.File](text)) },
		"run":        func(w io.Writer) error { return writeStarted(w, filled[document.Started](text), false) },
		"comparison": func(w io.Writer) error { return writeComparison(w, report) },
		"trial":      func(w io.Writer) error { return writeTrial(w, report) },
		"switch":     func(w io.Writer) error { return (&migration{}).writeNext(w, report) },
		"traditional": func(w io.Writer) error {
			return traditionalBuild{how: &buildOptions{}, old: &traditionalOptions{}}.writePlans(w, filled[[]document.TraditionalImage](text))
		},
	}
}

// Nothing that an image, a registry, a file or a server says is obeyed by the
// terminal on which it is shown.
func TestNothingIsObeyedByTerminals(t *testing.T) {
	for name, show := range shows(hostile) {
		var b bytes.Buffer
		if err := show(&b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !utf8.Valid(b.Bytes()) || strings.ContainsFunc(b.String(), func(r rune) bool {
			return unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r)
		}) {
			t.Errorf("%s: %q", name, b.String())
		}
		if !strings.Contains(b.String(), `\x1b]0;OWNED\x07\x1b[2J\u009b1m\u202e\u007f\xff`) {
			t.Errorf("%s does not tell it: %q", name, b.String())
		}
	}
}

// A cell of a table makes no line of its own.
func TestNothingPassesForARow(t *testing.T) {
	for name, show := range shows("x\nFORGED\ty") {
		switch name {
		case "dry run", "Dockerfile", "traditional", "run", "switch", "inspect --format", "logs": // lists, and templates and Dockerfiles of several lines
			continue
		}
		var b bytes.Buffer
		if err := show(&b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(b.String(), "\nFORGED") {
			t.Errorf("%s: a cell makes a line:\n%s", name, b.String())
		}
	}
}
