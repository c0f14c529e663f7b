package command

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/request"
	"github.com/docker-openhands/docker-openhands/cli-plugin/sandbox"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/templates"
	"github.com/docker/cli/opts"
	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"
)

// screen is a terminal of so many columns.
type screen struct {
	bytes.Buffer
	columns uint
}

func (s *screen) GetTtySize() (height, width uint) { return 24, s.columns }

func imageOf(n int) string { return "sha256:" + strings.Repeat(fmt.Sprintf("%02d", n), 32) }

// stock is an engine with two payloads and images over them.
func stock() *engine.Inventory {
	const repository = "ghcr.io/openhands/runtime:"
	tagged := time.Now().Add(-3 * time.Hour)
	deps := engine.Stored{
		ID: imageOf(1), References: []string{repository + "oh_deps_v1.6.0_31qxd72a9cbixlee"}, Kind: payload.KindDeps, Version: "1.6.0",
		Server: "action-execution-server", DepsTag: "oh_deps_v1.6.0_31qxd72a9cbixlee", Tagged: tagged, Size: 1_123_456_789,
	}
	over := func(n int, base string, names ...string) engine.Stored {
		return engine.Stored{
			ID: imageOf(n), References: names, Kind: payload.KindRuntime, Version: "1.6.0", Server: "action-execution-server",
			DepsTag: deps.DepsTag, Base: base, Payload: deps.ID, Tagged: tagged, Size: 1_140_000_000, Own: 9_000,
		}
	}
	agent := engine.Stored{
		ID: imageOf(5), References: []string{"registry.example/team/agent:1"}, Kind: payload.KindRuntime, Version: "1.58.2", Server: "agent-server",
		DepsTag: "oh_deps_v1.58.2_aaaaaaaaaaaaaaaa", Base: "registry.example/instances/django__django-11099:v1", Derived: true, Tagged: tagged, Size: 2_000_000_000,
		Own: 1_000_000, Containers: 1,
	}
	return &engine.Inventory{
		Images: []engine.Stored{
			deps, over(2, "alpine:3.20", repository+"oh_v1.6.0_alpine_t_3.20_31qxd72a9cbixlee", "my/image:1"),
			over(3, "debian:12"), over(4, "scratch", "größe/語:1"), agent,
		},
		Bytes: 3_200_000_000, Unshared: 6_543_000_000,
	}
}

// described is the image over alpine in full.
func described() *engine.Details {
	img := stock().Images[1]
	return &engine.Details{
		Stored: img, Platform: "linux/amd64", Created: "2026-01-02T03:04:05Z",
		Inputs: map[string]string{"builder-base": "debian:trixie-slim"},
		Labels: map[string]string{payload.LabelKind: payload.KindRuntime, payload.LabelSetup: strings.Repeat("0123456789abcdef", 8)},
		Layers: []engine.Layer{
			{DiffID: imageOf(7), Component: "browser", Size: 9_000, Images: 3, CreatedBy: "docker openhands: payload oh_deps_v1.6.0_31qxd72a9cbixlee"},
			{DiffID: imageOf(8), Size: 0, Images: 1, CreatedBy: "RUN /bin/sh -c " + strings.Repeat("make and install, ", 20)},
		},
		Manifest: payload.Manifest{Components: []payload.Component{{Name: "browser", Bytes: 1 << 28, Files: 300, Description: "Chromium's headless shell and what it opens, for Playwright and for the browser tool"}}},
	}
}

// running are servers.
func running() []sandbox.Listed {
	return []sandbox.Listed{
		{ID: strings.Repeat("a", 64), Name: "openhands-alpine-3.20-x7k2", Image: "ghcr.io/openhands/runtime:oh_v1.6.0_alpine_t_3.20_31qxd72a9cbixlee", Server: payload.ActionExecutionServer,
			Created: time.Now().Add(-3 * time.Hour), State: "running", Status: "Up 3 hours", Address: "http://127.0.0.1:34567"},
		{ID: strings.Repeat("b", 64), Name: "agent", Image: "team/agent:1", Server: payload.AgentServer, Created: time.Now().Add(-50 * time.Hour), State: "exited", Status: "Exited (137) 2 hours ago"},
	}
}

// checked is what was found out about an image.
func checked() verify.Report {
	return verify.Report{Image: "team/app:1", Findings: []payload.Finding{
		{Check: "label dev.openhands.version", Status: payload.StatusOK, Detail: "1.58.2"},
		{Check: "payload is complete", Status: payload.StatusOK, Detail: "2141 files of 10 components, as the manifest says: " + strings.Repeat("python, tmux, ", 8)},
		{Check: "payload is sealed", Status: payload.StatusFailed, Detail: "/openhands/bin/git: its interpreter is /lib64/ld-linux-x86-64.so.2 and not " + payload.Prefix + "/lib/ld.so, which a base may lack", Cure: "Build the image again"},
	}}
}

func mustComponents(t *testing.T) []templates.Component {
	t.Helper()
	all, err := request.Components(nil)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// What people see on terminals of 80 and 120 columns, and in a pipe.
func TestListsFitTheTerminal(t *testing.T) {
	prose := regexp.MustCompile(`^(  .*:|  grammars|payload is sealed:) `) // sentences, which the terminal wraps
	results := []builder.Result{
		{References: stock().Images[0].References, ID: imageOf(1), Reused: true},
		{Base: "alpine:3.20", References: stock().Images[1].References, ID: imageOf(2), Seconds: 0.42},
	}
	gone := document.Prune{Images: []engine.Superseded{{Stored: stock().Images[1], Why: "101010101010 is newer"}, {Stored: stock().Images[2], Why: "has no name"}}, Bytes: 18_000}
	for name, show := range map[string]func(*screen, *listOptions) error{
		"ls":      func(w *screen, o *listOptions) error { return o.writeInventory(w, stock()) },
		"prune":   func(w *screen, o *listOptions) error { return o.writePruned(w, gone) },
		"inspect": func(w *screen, o *listOptions) error { return writeDetails(w, described(), o.noTrunc) },
		"ps":      func(w *screen, o *listOptions) error { return writeServers(w, running(), o.viewOptions) },
		"verify":  func(w *screen, _ *listOptions) error { return writeReport(w, checked()) },
		"components": func(w *screen, _ *listOptions) error {
			return writeComponents(w, reportComponents(mustComponents(t), nil))
		},
		"build": func(w *screen, _ *listOptions) error { return writeResults(w, results) },
	} {
		var all strings.Builder
		for _, columns := range []uint{80, 120, 0} {
			w := &screen{columns: columns}
			if err := show(w, &listOptions{}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for line := range strings.Lines(w.String()) {
				if width := runewidth.StringWidth(strings.TrimSuffix(line, "\n")); columns > 0 && width > int(columns) && !prose.MatchString(line) {
					t.Errorf("%s: a line of %d columns on a terminal of %d: %s", name, width, columns, line)
				}
			}
			fmt.Fprintf(&all, "---- %d columns\n%s", columns, w)
			if !slices.Contains([]string{"ls", "prune", "inspect"}, name) {
				continue
			}
			whole := &screen{columns: columns}
			if err := show(whole, &listOptions{viewOptions: viewOptions{noTrunc: true}}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !strings.Contains(whole.String(), imageOf(2)) || strings.Contains(whole.String(), "…") {
				t.Errorf("%s --no-trunc on %d columns:\n%s", name, columns, whole)
			}
		}
		golden(t, filepath.Join("testdata", "tables", name+".txt"), all.String())
	}
}

// golden holds a file to what a test gets.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s, 'make update' writes it (-want +got):\n%s", file, diff)
	}
}

func TestListFormats(t *testing.T) {
	for name, test := range map[string]struct {
		options listOptions
		want    string
	}{
		"quiet":    {listOptions{viewOptions: viewOptions{quiet: true}}, "010101010101\n020202020202\n030303030303\n040404040404\n050505050505\n"},
		"template": {listOptions{viewOptions: viewOptions{format: `{{.Image}}\t{{.Version}} {{.Containers}}`}}, "ghcr.io/openhands/runtime:oh_deps_v1.6.0_31qxd72a9cbixlee\t1.6.0 0\n" + "ghcr.io/openhands/runtime:oh_v1.6.0_alpine_t_3.20_31qxd72a9cbixlee\t1.6.0 0\n" + "<none>\t1.6.0 0\ngröße/語:1\t1.6.0 0\nregistry.example/team/agent:1\t1.58.2 1\n"},
		"table":    {listOptions{viewOptions: viewOptions{format: `table {{.ID}}\t{{.Server}}`}}, "IMAGE ID       SERVER\n010101010101   action-execution-server\n020202020202   action-execution-server\n030303030303   action-execution-server\n040404040404   action-execution-server\n050505050505   agent-server\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := test.options.writeInventory(&b, stock()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
	var b bytes.Buffer
	if err := (&listOptions{viewOptions: viewOptions{format: "json"}}).writeInventory(&b, stock()); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(b.String(), "\n"); len(lines) != 6 || !strings.Contains(lines[1], `"Base":"alpine:3.20"`) {
		t.Errorf("json is\n%s", b.String())
	}
	for _, format := range []string{"{{.Nothing}}", "{{"} {
		if err := (&listOptions{viewOptions: viewOptions{format: format}}).writeInventory(&b, stock()); err == nil || !strings.HasPrefix(err.Error(), "OH-001: --format cannot be carried out") {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func TestInspectFormats(t *testing.T) {
	for format, want := range map[string]string{
		"{{.Base}} {{len .Layers}}": "alpine:3.20 2\n",
		"{{.openhandsVersion}}":     "1.6.0\n", // as --json calls it
	} {
		var b bytes.Buffer
		if err := writeInspected(&b, format, described()); err != nil || b.String() != want {
			t.Errorf("%s is %q, %v", format, &b, err)
		}
	}
	for _, format := range []string{"{{.Nothing}}", "{{"} {
		if err := writeInspected(&bytes.Buffer{}, format, described()); err == nil || !strings.HasPrefix(err.Error(), "OH-001: ") {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func TestFilters(t *testing.T) {
	for filters, want := range map[string]string{
		"":                              "01 02 03 04 05",
		"base=alpine":                   "02",
		"base=alpine:3.20":              "02",
		"base=alpine:3.*":               "02",
		"base=alpin":                    "",
		"base=scratch":                  "04",
		"base=registry.example/*/*":     "05",
		"base=alpine base=debian":       "02 03",
		"base=debian dangling=false":    "",
		"dangling=true":                 "03",
		"kind=deps":                     "01",
		"server=agent-server":           "05",
		"version=v1.58.2":               "05",
		"superseded=true":               "03",
		"superseded=false kind=runtime": "02 04 05",
	} {
		o := listOptions{filter: opts.NewFilterOpt()}
		for _, filter := range strings.Fields(filters) {
			if err := o.filter.Set(filter); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		inventory := stock()
		for _, img := range inventory.Images {
			if inventory.Passes(o.filter.Value())(img) {
				got = append(got, engine.ShortID(img.ID)[:2])
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q chooses %q, want %q", filters, got, want)
		}
	}
}

// A finding that is told while others are still to come fits the terminal; what is
// wrong is told whole, and so is everything in a pipe.
func TestFindingsFit(t *testing.T) {
	long := strings.Repeat("word ", 30) + "end"
	for _, test := range []struct {
		columns uint
		status  payload.Status
		whole   bool
	}{{80, payload.StatusOK, false}, {20, payload.StatusOK, false}, {80, payload.StatusFailed, true}, {80, payload.StatusWarning, true}, {0, payload.StatusOK, true}} {
		s := &screen{columns: test.columns}
		writeFinding(s, payload.Finding{Check: "proof of python, user openhands", Status: test.status, Detail: long})
		line := strings.TrimSuffix(s.String(), "\n")
		if strings.HasSuffix(line, "end") != test.whole || !test.whole && runewidth.StringWidth(line) > max(int(test.columns), besideDetail+terminal.LeastCell) {
			t.Errorf("%d columns, %s: %q", test.columns, test.status, line)
		}
	}
}
