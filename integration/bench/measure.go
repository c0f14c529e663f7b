package main

import (
	"fmt"
	"slices"
	"syscall"
	"time"
)

// cost is what an operation took: time, and bytes on the engine's disk.
type cost struct {
	time time.Duration
	disk int64
}

// measure runs an operation and looks at the whole disk before and after it,
// so nothing else should write there meanwhile.
func (b *bench) measure(operation func() error) (cost, error) {
	before, err := b.used()
	if err != nil {
		return cost{}, err
	}
	start := time.Now()
	if err := operation(); err != nil {
		return cost{}, err
	}
	took := time.Since(start)
	after, err := b.used()
	return cost{took, after - before}, err
}

// used is the number of bytes in use on the engine's disk.
func (b *bench) used() (int64, error) {
	syscall.Sync()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(b.root, &disk); err != nil {
		return 0, fmt.Errorf("measuring the disk of %s: %w", b.root, err)
	}
	return int64(disk.Blocks-disk.Bfree) * disk.Bsize, nil
}

func median[T int64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// megabytes formats bytes with one decimal.
func megabytes(n int64) string { return fmt.Sprintf("%.1f", float64(n)/1e6) }

// seconds formats a duration with two decimals.
func seconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }

// ratio formats a / b with two decimals.
func ratio(a, b int64) string { return fmt.Sprintf("%.2f", float64(a)/float64(b)) }
