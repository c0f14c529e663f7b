package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cost is what a program took: time, that of all processors together, which
// depends less on what else a machine does, and the largest resident set in
// KiB, its own mapped files included.
type cost struct {
	time  time.Duration
	least time.Duration // of several runs
	cpu   time.Duration
	kib   int64
}

// measure runs a program. Its memory is that which time(1) reports: the
// process of this program would count as the other's before it is executed.
func (b *bench) measure(ctx context.Context, argv ...string) (cost, error) {
	peak := filepath.Join(b.work, "peak")
	cmd := exec.CommandContext(ctx, "time", append([]string{"-q", "-f", "%M", "-o", peak}, argv...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		return cost{}, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, stderr.String())
	}
	text, err := os.ReadFile(peak)
	if err != nil {
		return cost{}, err
	}
	kib, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return cost{took, took, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), kib}, err
}

// candidate is one way to do a job.
type candidate struct {
	name    string
	prepare func() error // before each run, not measured
	argv    []string
}

// compare runs the candidates in turn, so that what else the machine does
// meets all of them, and returns the median of each,
// and the least time.
func (b *bench) compare(ctx context.Context, rounds int, candidates []candidate) ([]cost, error) {
	costs := make([][]cost, len(candidates))
	for range rounds {
		for i, c := range candidates {
			if c.prepare != nil {
				if err := c.prepare(); err != nil {
					return nil, fmt.Errorf("preparing %s: %w", c.name, err)
				}
			}
			one, err := b.measure(ctx, c.argv...)
			if err != nil {
				return nil, errors.Join(ctx.Err(), err)
			}
			costs[i] = append(costs[i], one)
		}
	}
	medians := make([]cost, len(candidates))
	for i, list := range costs {
		slices.SortFunc(list, func(a, b cost) int { return int(a.time - b.time) })
		medians[i].time, medians[i].least = list[len(list)/2].time, list[0].time
		slices.SortFunc(list, func(a, b cost) int { return int(a.cpu - b.cpu) })
		medians[i].cpu = list[len(list)/2].cpu
		slices.SortFunc(list, func(a, b cost) int { return int(a.kib - b.kib) })
		medians[i].kib = list[len(list)/2].kib
	}
	return medians, nil
}

// table writes the costs, as ratios to the first one too.
func (b *bench) table(candidates []candidate, costs []cost) {
	b.report.WriteString("\n| | ms | ratio | least ms | ratio | CPU ms | ratio | MiB |\n|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for i, c := range candidates {
		fmt.Fprintf(&b.report, "| %s ", c.name)
		for _, of := range []func(cost) time.Duration{
			func(c cost) time.Duration { return c.time },
			func(c cost) time.Duration { return c.least },
			func(c cost) time.Duration { return c.cpu },
		} {
			fmt.Fprintf(&b.report, "| %.1f | %.2f ", of(costs[i]).Seconds()*1e3, of(costs[i]).Seconds()/of(costs[0]).Seconds())
		}
		fmt.Fprintf(&b.report, "| %.1f |\n", float64(costs[i].kib)/1024)
	}
}
