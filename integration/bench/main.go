// bench measures what the design promises and writes a report in Markdown:
//
//	go run ./integration/bench -o docs/benchmarks.md
//
// It needs an engine that holds the bases debian:13, debian:12,
// alpine:3.20, busybox:glibc and busybox:musl, and the plugin. It compares
// with `docker build` and COPY of the same payload, and with a classic image
// (folder classic) that installs the same server straight into Debian. The
// images that it makes are removed, the classic one's build cache apart.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/docker-openhands/docker-openhands/integration/lab"
)

func main() {
	out := flag.String("o", "", "file to write the report to; empty: standard output")
	counts := flag.String("bases", "2,10,50", "how many new bases to build on, one run each")
	only := flag.String("only", "", "parts to measure, separated by commas: "+strings.Join(parts, ", ")+"; empty: all")
	deps := flag.String("deps", "", "deps image that parts other than sizes are measured with; empty: the plugin's choice")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *out, *counts, *only, *deps); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// parts are what can be measured, in the order of the report.
var parts = []string{"sizes", "classic", "starts", "bases", "copies", "further", "stage1", "compressions", "publish"}

func run(ctx context.Context, out, counts, only, deps string) error {
	b := &bench{engine: lab.Engine{}}
	defer b.clean(context.WithoutCancel(ctx))
	var numbers []int
	for _, text := range strings.Split(counts, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("-bases %q: %q is not a number of bases", counts, text)
		}
		numbers = append(numbers, n)
	}
	wanted := parts
	if only != "" {
		wanted = strings.Split(only, ",")
	}
	measure := map[string]func(context.Context) error{
		"sizes": b.payloadSizes, "classic": b.classicBuild, "starts": b.starts,
		"bases":  func(ctx context.Context) error { return b.newBases(ctx, numbers) },
		"copies": b.copies, "further": b.furtherBases, "stage1": b.stage1,
		"compressions": func(ctx context.Context) error { return inFolder(ctx, b.compressions) },
		"publish":      func(ctx context.Context) error { return inFolder(ctx, b.pushes) },
	}
	if err := b.prepare(ctx, deps, slices.Contains(wanted, "sizes")); err != nil {
		return err
	}
	if err := b.machine(ctx); err != nil {
		return err
	}
	for _, part := range wanted {
		if measure[part] == nil {
			return fmt.Errorf("-only %q: the parts are %s", part, strings.Join(parts, ", "))
		}
		if err := measure[part](ctx); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
		// What has been measured outlives a later failure.
		if out != "" {
			if err := os.WriteFile(out, []byte(b.report.String()), 0o644); err != nil {
				return err
			}
		}
	}
	if out == "" {
		_, err := os.Stdout.WriteString(b.report.String())
		return err
	}
	return nil
}

// bench is one run; report grows section by section.
type bench struct {
	engine lab.Engine
	root   string // folder in which the engine keeps its images
	deps   string // the deps image that the other measurements are made with
	kinds  []kind // the deps images that are measured
	report strings.Builder
	images []string // made by this run
}

func (b *bench) printf(format string, args ...any) { fmt.Fprintf(&b.report, format, args...) }

// kind is a deps image and what it is called in the report.
type kind struct{ name, ref string }

// prepare finds the engine's folder, and makes the payloads that are not there:
// every kind, or the first, unless deps is one.
func (b *bench) prepare(ctx context.Context, deps string, everyKind bool) (err error) {
	if b.root, err = b.engine.Docker(ctx, "info", "--format", "{{.DockerRootDir}}"); err != nil {
		return err
	}
	if b.deps = deps; deps != "" && !everyKind {
		return nil
	}
	for _, k := range []struct {
		name string
		args []string
	}{
		{"action-execution-server", nil},
		{"action-execution-server, --python-env lean", []string{"--python-env", "lean"}},
		{"action-execution-server, --python-env lean --without vscode", []string{"--python-env", "lean", "--without", "vscode"}},
		{"agent-server", []string{"--server", "agent-server"}},
		{"agent-server, --without vscode,node", []string{"--server", "agent-server", "--without", "vscode,node"}},
	} {
		ref, err := b.payload(ctx, k.args)
		if err != nil {
			return fmt.Errorf("the payload %s: %w", k.name, err)
		}
		b.kinds = append(b.kinds, kind{k.name, ref})
		if !everyKind {
			break
		}
	}
	b.deps = cmp.Or(deps, b.kinds[0].ref)
	return nil
}

// payload builds the deps image of the arguments unless the engine has it, and
// returns its name.
func (b *bench) payload(ctx context.Context, args []string) (string, error) {
	text, err := b.engine.Docker(ctx, append([]string{"openhands", "deps", "build", "--dry-run", "--json"}, args...)...)
	if err != nil {
		return "", err
	}
	var plan struct{ Deps struct{ Image string } }
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		return "", err
	}
	_, err = b.engine.Docker(ctx, append([]string{"openhands", "deps", "build", "--progress", "quiet"}, args...)...)
	return plan.Deps.Image, err
}

// clean removes the images that this run made.
func (b *bench) clean(ctx context.Context) {
	for _, image := range b.images {
		if _, err := b.engine.Docker(ctx, "rmi", "--force", image); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}
	b.images = nil
}

func (b *bench) machine(ctx context.Context) error {
	about, err := b.engine.Docker(ctx, "info", "--format", "Docker {{.ServerVersion}}, {{.Driver}}, {{.NCPU}} CPUs, {{.MemTotal}} bytes of memory, kernel {{.KernelVersion}}")
	if err != nil {
		return err
	}
	b.printf("# Benchmarks\n\n`make bench` wrote this on one machine in one run: %s.\nAbsolute times are that machine's, ratios are what counts.\n", about)
	return nil
}
