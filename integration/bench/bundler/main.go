// bundler measures oh-bundle beside the tools that it replaces, on the same
// files in the same run, and writes a report in Markdown:
//
//	go run ./integration/bench/bundler -o docs/bundler-benchmarks.md
//
// It needs root and a Debian machine; missing tools are installed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/docker-openhands/docker-openhands/integration/lab"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == urootTool {
		urootLdd(os.Stdout, os.Args[2:])
		return
	}
	out := flag.String("o", "", "file to write the report to; empty: standard output")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out string) error {
	work, err := os.MkdirTemp("", "oh-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b := &bench{work: work, bundle: filepath.Join(work, "oh-bundle")}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.bundle, "./bundler/cmd/oh-bundle")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building oh-bundle: %w\n%s", err, text)
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err
	}
	fmt.Fprintf(&b.report, "# Figures of the bundler\n\nWritten by `go run ./integration/bench/bundler`, which runs all tools on the same files: %d processors, %s, Linux %s. "+
		"Ratios say more than milliseconds: another machine has others. Load when it began: %s.\n", runtime.NumCPU(), runtime.GOARCH, release(), strings.Fields(string(load))[0])
	for _, section := range []func(context.Context) error{b.resolving, b.sealing} {
		if err := section(ctx); err != nil {
			return err
		}
	}
	if out == "" {
		_, err := os.Stdout.WriteString(b.report.String())
		return err
	}
	return os.WriteFile(out, []byte(b.report.String()), 0o644)
}

// bench is one run; report grows section by section.
type bench struct {
	work   string // folder of the run
	bundle string // the program
	report strings.Builder
}

// ensure installs the Debian packages of programs that are missing.
func ensure(ctx context.Context, packages map[string]string) error {
	for program, pkg := range packages {
		if err := lab.EnsureProgram(ctx, os.Stderr, program, pkg); err != nil {
			return err
		}
	}
	return nil
}

func release() string {
	var u syscall.Utsname
	if err := syscall.Uname(&u); err != nil {
		return "unknown"
	}
	var b strings.Builder
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		b.WriteByte(byte(c))
	}
	return b.String()
}
