// batch measures the making of hundreds of images and writes a report in Markdown:
//
//	go run ./integration/bench/batch -plugin bin/docker-openhands -o docs/batch-benchmarks.md
//
// It needs no engine: payload and bases are stand-ins in a registry on this machine,
// and the plugin is a process of its own, so that its memory is its own.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry/registrytest"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/templates"
	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	out := flag.String("o", "", "file to write the report to; empty: standard output")
	program := flag.String("plugin", "bin/docker-openhands", "the plugin")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *program, *out); err != nil {
		fmt.Fprintln(os.Stderr, "batch:", err)
		os.Exit(1)
	}
}

// The runs: so many images each, and one of them looked at more closely.
var (
	counts = []int{10, 100, 500, 1000, 2000}
	many   = 500
)

const jobs = 8

func run(ctx context.Context, program, out string) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	labels, err := payloadLabels()
	if err != nil {
		return err
	}
	average, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err
	}
	load, _, _ := strings.Cut(string(average), " ")
	b := &bench{program: program, labels: labels}
	b.printf("# Images by the hundred\n\n`make batch-bench` wrote this on one machine: %d CPUs, Go %s, with a load average of %s when it began. The registry runs on it, too.\n\n"+
		"Payload and bases are stand-ins: a payload of 12 layers with the labels of a real one, and bases of two layers and 16 KB, each in a repository of its own. "+
		"%d jobs, no engine, an empty cache folder each time. *Sent* are the bodies of all requests for an image: set-up layer, configuration, manifest. Memory is the most that the plugin's process had.\n",
		runtime.NumCPU(), strings.TrimPrefix(runtime.Version(), "go"), load, jobs)
	if err := b.inMemory(ctx); err != nil {
		return err
	}
	if err := b.onDisk(ctx); err != nil {
		return err
	}
	if out == "" {
		_, err := os.Stdout.WriteString(b.report.String())
		return err
	}
	return os.WriteFile(out, []byte(b.report.String()), 0o644)
}

// payloadLabels are those that a payload of the agent server with all components
// has.
func payloadLabels() (map[string]string, error) {
	components, err := templates.Components()
	if err != nil {
		return nil, err
	}
	p, err := plan.New(plan.Options{
		Repository: plan.DefaultRepository, BuilderBase: plan.DefaultBuilderBase, Server: payload.AgentServer, Arch: runtime.GOARCH,
		LayerOrder: plan.OrderAuto, Assemble: plan.AssembleAuto,
	}, plan.Inputs{Components: components})
	return p.Deps.Labels, err
}

type bench struct {
	program string
	labels  map[string]string
	report  strings.Builder
}

func (b *bench) printf(format string, args ...any) { fmt.Fprintf(&b.report, format, args...) }

// inMemory shows how time and memory grow, with a registry that keeps nothing on a
// disk.
func (b *bench) inMemory(ctx context.Context) error {
	b.printf("\n## How it grows\n\nThe registry is go-containerregistry's, in memory.\n\n| images | s | ms an image | bytes sent an image | MiB of memory | nothing to do: s | MiB |\n|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, n := range counts {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		server := &http.Server{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
		go func() { _ = server.Serve(listener) }() // ends with Close
		err = b.grow(ctx, listener.Addr().String(), n)
		if err = errors.Join(err, server.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) grow(ctx context.Context, host string, n int) error {
	f := registrytest.NewFleet(n)
	if err := f.Write(ctx, host, b.labels); err != nil {
		return err
	}
	made, err := b.batch(ctx, host, f)
	if err != nil {
		return err
	}
	again, err := b.batch(ctx, host, f)
	if err != nil {
		return err
	}
	if made.made != n || again.made != 0 {
		return fmt.Errorf("of %d images %d were made, and %d the second time", n, made.made, again.made)
	}
	b.printf("| %d | %.2f | %.1f | %d | %d | %.2f | %d |\n", n, made.took.Seconds(), float64(made.took.Milliseconds())/float64(n), made.sent/int64(n), made.memory>>20,
		again.took.Seconds(), again.memory>>20)
	return nil
}

// onDisk has a real registry.
func (b *bench) onDisk(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "oh-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	debian, err := lab.StartRegistry(ctx, dir, os.Stderr)
	if err != nil {
		return err
	}
	defer debian.Stop()
	f := registrytest.NewFleet(many)
	if err := f.Write(ctx, debian.Host, b.labels); err != nil {
		return err
	}
	b.printf("\n## %d images in Debian's docker-registry\n\n| | s | images made | bytes sent | bytes received | MiB of memory |\n|---|--:|--:|--:|--:|--:|\n", many)
	for _, step := range []string{"all are new", "nothing has changed", "one base has changed"} {
		if step == "one base has changed" {
			if err := registrytest.WriteBase(ctx, f.Bases(debian.Host)[many/2], nil, many); err != nil {
				return err
			}
		}
		o, err := b.batch(ctx, debian.Host, f)
		if err != nil {
			return err
		}
		b.printf("| %s | %.2f | %d | %d | %d | %d |\n", step, o.took.Seconds(), o.made, o.sent, o.received, o.memory>>20)
	}
	return nil
}

// outcome is what one call came to.
type outcome struct {
	took           time.Duration
	memory         int64 // bytes
	made           int
	sent, received int64 // bytes, for runtime images
}

// batch calls the plugin with a cache folder of its own.
func (b *bench) batch(ctx context.Context, host string, f registrytest.Fleet) (o outcome, err error) {
	dir, err := os.MkdirTemp("", "oh-bench-")
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cmd := exec.CommandContext(ctx, b.program, "batch", "--bases-file", "-", "--jobs", strconv.Itoa(jobs), "--push", "--platform", "linux/"+runtime.GOARCH,
		"--deps-image", f.Payload(host), "--tag-template", host+"/team/eval:abc1234-{base.image}-source-minimal", "--manifest", "-", "--progress", "quiet")
	cmd.Env = []string{"HOME=" + dir, "XDG_CACHE_HOME=" + dir, "PATH=" + os.Getenv("PATH"), "DOCKER_HOST=unix:///nonexistent/docker.sock"}
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(strings.Join(f.Bases(host), "\n"))
	cmd.Stderr = os.Stderr
	var out bytes.Buffer
	cmd.Stdout = &out
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return o, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for running := true; running; {
		select {
		case err = <-ended:
			running = false
		case <-time.After(10 * time.Millisecond):
			o.memory = max(o.memory, peak(cmd.Process.Pid))
		}
	}
	o.took = time.Since(start)
	if err != nil {
		return o, err
	}
	lines := out.Bytes()
	for line := range bytes.Lines(lines) {
		var image struct {
			Kind                     string
			Reused                   bool
			SentBytes, ReceivedBytes int64
		}
		if err := json.Unmarshal(line, &image); err != nil {
			return o, fmt.Errorf("reading %s: %w", line, err)
		}
		if image.Kind != payload.KindRuntime {
			continue
		}
		if !image.Reused {
			o.made++
		}
		o.sent, o.received = o.sent+image.SentBytes, o.received+image.ReceivedBytes
	}
	return o, nil
}

// peak is the most memory in bytes that a process has had by now; 0 where it has
// ended. What wait4(2) says of it has that of its parent, the registry, in it.
func peak(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); n == 1 {
			return kilobytes << 10
		}
	}
	return 0
}
