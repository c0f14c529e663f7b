package command

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// What a build ends with, by what it made and where that went.
func TestNextSteps(t *testing.T) {
	const repository = "ghcr.io/openhands/runtime:"
	deps := builder.Result{References: []string{repository + "oh_deps_v1.58.2_31qxd72a9cbixlee"}, ID: imageOf(1), Reused: true}
	alpine := builder.Result{Base: "alpine:3.20", References: []string{repository + "oh_v1.58.2_alpine_t_3.20_31qxd72a9cbixlee"}, ID: imageOf(2)}
	named := builder.Result{Base: "debian:12", References: []string{repository + "oh_v1.58.2_debian_t_12_31qxd72a9cbixlee", "localhost:5000/team/app:1"}, ID: imageOf(3)}
	reused := named
	reused.Reused = true
	nameless := builder.Result{Base: "scratch", References: []string{imageOf(4)}, ID: imageOf(4)}
	upstream := builder.Result{Base: "debian:12", References: []string{"ghcr.io/openhands/agent-server:1.58.2-python"}, ID: imageOf(5)}
	elsewhere := deps
	elsewhere.Platform = "linux/arm64"
	pushed := alpine
	pushed.Digest, pushed.Traffic = imageOf(6), &registry.Traffic{Bytes: 9000}
	var all strings.Builder
	for _, test := range []struct {
		name string
		outcome
	}{
		{"an image of the agent server", outcome{results: []builder.Result{deps, alpine}, server: payload.AgentServer, arch: "amd64", size: 1_140_000_000, took: 420 * time.Millisecond}},
		{"on arm64, with a name of the user's, there before", outcome{results: []builder.Result{deps, reused}, server: payload.AgentServer, arch: "arm64", size: 1_140_000_000, took: 40 * time.Millisecond}},
		{"without a name", outcome{results: []builder.Result{deps, nameless}, server: payload.AgentServer, arch: "amd64", took: time.Second}},
		{"with a name that the application changes", outcome{results: []builder.Result{deps, upstream}, server: payload.AgentServer, arch: "amd64", took: time.Second}},
		{"an image of V0", outcome{results: []builder.Result{deps, alpine}, server: payload.ActionExecutionServer, arch: "amd64", size: 1_140_000_000, took: time.Second}},
		{"several images", outcome{results: []builder.Result{deps, alpine, reused}, server: payload.ActionExecutionServer, arch: "amd64", size: 1_140_000_000, took: 3 * time.Second}},
		{"a payload", outcome{results: []builder.Result{deps}, server: payload.AgentServer, arch: "amd64", size: 1_120_000_000, took: time.Second}},
		{"a payload for other engines", outcome{results: []builder.Result{elsewhere}, server: payload.AgentServer, arch: "amd64", size: 1_120_000_000, took: time.Second, elsewhere: true}},
		{"pushed", outcome{results: []builder.Result{deps, pushed}, output: &builder.Output{Push: true}, server: payload.AgentServer, arch: "amd64", took: time.Second}},
		{"pushed, with a payload of somebody's", outcome{results: []builder.Result{deps, pushed}, output: &builder.Output{Push: true}, arch: "amd64", took: time.Second}},
		{"an archive for docker", outcome{results: []builder.Result{deps, alpine}, output: &builder.Output{File: "my app.tar", Format: image.FormatDocker}, server: payload.ActionExecutionServer, arch: "amd64", took: time.Second}},
		{"an archive of a payload", outcome{results: []builder.Result{deps}, output: &builder.Output{File: "deps.tar", Format: image.FormatOCI}, arch: "amd64", took: time.Second}},
	} {
		fmt.Fprintf(&all, "---- %s", test.name)
		if err := writeNext(&all, test.outcome); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, filepath.Join("testdata", "next.txt"), all.String())
}

// Programs read no next steps.
func TestNextStepsAreForPeople(t *testing.T) {
	made := outcome{results: []builder.Result{{Base: "scratch", References: []string{"a:1"}}}}
	for name, test := range map[string]struct {
		how  buildOptions
		made outcome
		says bool
	}{
		"a build":               {buildOptions{}, made, true},
		"with --json":           {buildOptions{json: true}, made, false},
		"quiet":                 {buildOptions{progress: "quiet"}, made, false},
		"to standard output":    {buildOptions{output: &builder.Output{File: "-"}}, made, false},
		"of which nothing came": {buildOptions{}, outcome{}, false},
	} {
		var b strings.Builder
		if err := test.how.showNext(&b, test.made); err != nil || (b.Len() > 0) != test.says {
			t.Errorf("%s: %q, %v", name, b.String(), err)
		}
	}
}

func TestPassed(t *testing.T) {
	report := verify.Report{Image: "my/image:1", Findings: make([]payload.Finding, 10)}
	live := report
	live.Live = true
	for want, test := range map[string]struct {
		report verify.Report
		kind   string
	}{
		"\nmy/image:1 passed: 10 findings in 1.5 s\nTry its server, too: docker openhands verify --live my/image:1\n":        {report, payload.KindRuntime},
		"\nmy/image:1 passed: 10 findings in 1.5 s\nStart it:  docker openhands run my/image:1\n":                            {live, payload.KindRuntime},
		"\nmy/image:1 passed: 10 findings in 1.5 s\nUse it:    docker openhands build --deps-image my/image:1 alpine:3.20\n": {report, payload.KindDeps},
	} {
		var b strings.Builder
		if err := writePassed(&b, test.report, test.kind, 1500*time.Millisecond); err != nil || b.String() != want {
			t.Errorf("got %q, want %q, %v", b.String(), want, err)
		}
	}
}
