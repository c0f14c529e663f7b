package request

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/progress"
	"github.com/moby/buildkit/util/progress/progressui"
)

func deps() Request {
	return Request{
		Options: plan.Options{
			Bases: []string{"alpine:3.20"}, Repository: "repo", Server: plan.DefaultServer, BuilderBase: plan.DefaultBuilderBase, PythonEnv: plan.PythonEnvFull,
			LayerOrder: plan.OrderAuto, Assemble: plan.AssembleAuto,
		},
		DepsImage: "deps:1",
	}
}

// Of a deps image, its name is enough for a plan: neither an engine nor the
// helper programs are needed.
func TestSketchWithoutAnEngine(t *testing.T) {
	p, err := deps().Sketch(t.Context(), nil, "arm64")
	if err != nil {
		t.Fatal(err)
	}
	if !p.Deps.Given || p.Deps.Image != "deps:1" || p.Deps.Arch != "arm64" || len(p.Runtimes) != 1 || p.Runtimes[0].Base != "alpine:3.20" {
		t.Errorf("got %+v", p)
	}
}

// What a request names on this machine is looked at before anything is planned.
func TestSketchRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Request)
		want   problem.Code
	}{
		"a component that is not there": {func(r *Request) { r.ComponentDirs = []string{t.TempDir()} }, problem.BadComponent},
		"a folder without sources":      {func(r *Request) { r.Source = t.TempDir() }, problem.BadSource},
		"a base that is no reference":   {func(r *Request) { r.Options.Bases = []string{"A"} }, problem.Reference},
	} {
		r := deps()
		test.change(&r)
		_, err := r.Sketch(t.Context(), nil, "amd64")
		var p *problem.Error
		if !errors.As(err, &p) || p.Code != test.want {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

func TestOpenSourceRefuses(t *testing.T) {
	for version, folder := range map[string]string{"": t.TempDir(), "../x": ""} {
		var log bytes.Buffer
		if _, _, err := openSource(t.Context(), folder, version, progress.New(&log, progressui.PlainMode)); err == nil || log.Len() > 0 {
			t.Errorf("the version %q and the folder %q are opened, with the note %q", version, folder, &log)
		}
	}
}

// A payload decides which server the images have, unless the user has.
func TestAgrees(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*Request)
		is      *plan.DepsImage
		refused string
	}{
		"no payload is named": {func(r *Request) { r.ServerChosen = true }, nil, ""},
		"nothing is known":    {func(r *Request) { r.ServerChosen = true }, &plan.DepsImage{}, ""},
		"the same":            {func(r *Request) { r.ServerChosen = true }, &plan.DepsImage{Server: plan.DefaultServer}, ""},
		"a default":           {func(*Request) {}, &plan.DepsImage{Server: "agent-server", Version: "1"}, ""},
		"a choice":            {func(r *Request) { r.ServerChosen = true }, &plan.DepsImage{Server: "agent-server"}, "the payload deps:1 is of agent-server, but --server says action-execution-server"},
		"another version":     {func(r *Request) { r.Options.Version = "1.6.0" }, &plan.DepsImage{Version: "1.5.0"}, "is of 1.5.0, but --openhands-version says 1.6.0"},
		"that version":        {func(r *Request) { r.Options.Version = "1.6.0" }, &plan.DepsImage{Version: "1.6.0"}, ""},
	} {
		r := deps()
		test.change(&r)
		err := r.agrees(test.is)
		if (err != nil) != (test.refused != "") || err != nil && !strings.Contains(err.Error(), test.refused) {
			t.Errorf("%s: %v, want %q", name, err, test.refused)
		}
	}
}

func TestArchitectures(t *testing.T) {
	for platform, want := range map[string][]string{
		"": nil, "linux/arm64": {"arm64"}, "linux/arm64,linux/amd64": {"arm64", "amd64"}, "linux/amd64, linux/amd64": {"amd64"},
	} {
		if got, err := Architectures(platform); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v, want %q", platform, got, err, want)
		}
	}
	for _, platform := range []string{"amd64", "linux/s390x", "linux/amd64,", ",", "windows/amd64", "linux/amd64 linux/arm64", "linux/arm64/v8"} {
		var p *problem.Error
		if got, err := Architectures(platform); !errors.As(err, &p) || p.Code != problem.Usage || p.Next == "" {
			t.Errorf("%q: got %q, %v", platform, got, err)
		}
	}
}

// An engine is loaded with its own platform, and told of the others.
func TestForEngine(t *testing.T) {
	for _, test := range []struct {
		platform, note string
		code           problem.Code
	}{
		{"", "", ""}, {"linux/amd64", "", ""}, {"linux/arm64,linux/amd64", "linux/arm64", ""},
		{"linux/arm64", "", problem.Platform}, {"linux/x", "", problem.Usage},
	} {
		r := deps()
		r.Platform = test.platform
		loaded, note, err := r.ForEngine("amd64")
		var p *problem.Error
		if errors.As(err, &p); (p == nil) != (test.code == "") || p != nil && p.Code != test.code {
			t.Errorf("%q: %v, want %s", test.platform, err, test.code)
			continue
		}
		if p == nil && (loaded.Platform != "" || (note == "") != (test.note == "") || !strings.Contains(note, test.note)) {
			t.Errorf("%q: %q, note %q", test.platform, loaded.Platform, note)
		}
	}
}

// Of several platforms a sketch is one of indexes.
func TestSketchOfPlatforms(t *testing.T) {
	r := deps()
	r.Platform = "linux/arm64,linux/amd64"
	p, err := r.Sketch(t.Context(), nil, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	if p.Platform() != "linux/amd64,linux/arm64" || p.Deps.Image != "deps:1" || len(p.Runtimes) != 1 || len(p.Platforms[1].Runtimes) != 1 {
		t.Errorf("got %+v", p)
	}
}
