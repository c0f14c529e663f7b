package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"time"
)

// newBase makes an image that no engine has seen: the files of another one and
// a megabyte of noise, in a single layer. It returns its name and size.
func (b *bench) newBase(ctx context.Context, from, name string) (string, int64, error) {
	ref := "oh-bench/" + name
	noise, err := os.CreateTemp("", "oh-bench-")
	if err != nil {
		return "", 0, err
	}
	defer os.Remove(noise.Name())
	defer noise.Close()
	data := make([]byte, 1<<20)
	rand.Read(data)
	if _, err := noise.Write(data); err != nil {
		return "", 0, err
	}
	container, err := b.engine.Docker(ctx, "create", from)
	if err != nil {
		return "", 0, err
	}
	defer b.engine.Docker(context.WithoutCancel(ctx), "rm", "--volumes", container)
	if _, err := b.engine.Docker(ctx, "cp", noise.Name(), container+":/noise"); err != nil {
		return "", 0, err
	}
	export := b.engine.Command(ctx, "export", container)
	load := b.engine.Command(ctx, "import", "--change", `CMD ["sh"]`, "-", ref)
	if load.Stdin, err = export.StdoutPipe(); err != nil {
		return "", 0, err
	}
	if err := export.Start(); err != nil {
		return "", 0, err
	}
	if out, err := load.CombinedOutput(); err != nil {
		return "", 0, fmt.Errorf("importing %s: %w: %s", ref, err, out)
	}
	if err := export.Wait(); err != nil {
		return "", 0, fmt.Errorf("exporting %s: %w", from, err)
	}
	b.images = append(b.images, ref)
	size, err := b.size(ctx, ref)
	return ref, size, err
}

func (b *bench) size(ctx context.Context, ref string) (size int64, err error) {
	text, err := b.engine.Docker(ctx, "image", "inspect", "--format", "{{.Size}}", ref)
	if err != nil {
		return 0, err
	}
	_, err = fmt.Sscan(text, &size)
	return size, err
}

// assemble builds a runtime image with the plugin and measures that.
func (b *bench) assemble(ctx context.Context, base string) (string, cost, error) {
	tag := base + "-runtime"
	if !strings.Contains(base, "oh-bench/") {
		tag = "oh-bench/" + strings.ReplaceAll(base, ":", "-") + "-runtime"
	}
	spent, err := b.measure(func() error {
		_, err := b.engine.Docker(ctx, "openhands", "build", "--base", base, "--deps-image", b.deps, "--tag", tag, "--load", "--progress", "quiet")
		return err
	})
	if err != nil {
		return "", cost{}, err
	}
	id, err := b.engine.Docker(ctx, "image", "inspect", "--format", "{{.Id}}", tag)
	b.images = append(b.images, id)
	return tag, spent, err
}

// newBases builds on many small bases that are seen for the first time.
func (b *bench) newBases(ctx context.Context, counts []int) error {
	b.printf("\n## A new small base, payload present\n\n" +
		"Bases made of alpine:3.20 and busybox:glibc in turn, each with a megabyte of its own.\n\n" +
		"| bases | median s | slowest s | MB of disk each | MB of a base | disk / base |\n|--:|--:|--:|--:|--:|--:|\n")
	for _, count := range counts {
		var times []time.Duration
		var disk, bases int64
		for i := range count {
			from := []string{"alpine:3.20", "busybox:glibc"}[i%2]
			base, size, err := b.newBase(ctx, from, fmt.Sprintf("base-%d-%d", count, i))
			if err != nil {
				return err
			}
			_, spent, err := b.assemble(ctx, base)
			if err != nil {
				return err
			}
			times, disk, bases = append(times, spent.time), disk+spent.disk, bases+size
		}
		slowest := times[0]
		for _, d := range times {
			slowest = max(slowest, d)
		}
		n := int64(count)
		b.printf("| %d | %s | %s | %s | %s | %.2f |\n", count, seconds(median(times)), seconds(slowest),
			megabytes(disk/n), megabytes(bases/n), float64(disk)/float64(bases))
		b.clean(ctx)
	}
	return nil
}

// copies builds on two new bases with a plain Dockerfile.
func (b *bench) copies(ctx context.Context) error {
	b.printf("\n## The same by `docker build` and COPY\n\n| base | COPY: s | COPY: MB of disk | plugin: s | plugin: MB of disk | times faster | times smaller |\n|---|--:|--:|--:|--:|--:|--:|\n")
	for i, from := range []string{"alpine:3.20", "busybox:glibc"} {
		base, _, err := b.newBase(ctx, from, fmt.Sprintf("copy-%d", i))
		if err != nil {
			return err
		}
		_, ours, err := b.assemble(ctx, base)
		if err != nil {
			return err
		}
		tag := base + "-copy"
		theirs, err := b.measure(func() error {
			build := b.engine.Command(ctx, "buildx", "build", "--load", "--tag", tag, "-")
			build.Stdin = strings.NewReader("FROM " + b.deps + " AS deps\nFROM " + base + "\nCOPY --from=deps /openhands /openhands\n")
			if out, err := build.CombinedOutput(); err != nil {
				return fmt.Errorf("docker build: %w\n%s", err, out)
			}
			return nil
		})
		if err != nil {
			return err
		}
		b.images = append(b.images, tag)
		b.printf("| %s | %s | %s | %s | %s | %.0f | %.0f |\n", from, seconds(theirs.time), megabytes(theirs.disk),
			seconds(ours.time), megabytes(ours.disk), theirs.time.Seconds()/ours.time.Seconds(), float64(theirs.disk)/float64(max(ours.disk, 1)))
	}
	b.clean(ctx)
	return nil
}

// furtherBases adds bases of all sizes to one engine.
func (b *bench) furtherBases(ctx context.Context) error {
	b.printf("\n## One base after the other\n\nEach base's files are new to the engine, the payload is there.\n\n| base | s | MB added | MB of the base |\n|---|--:|--:|--:|\n")
	for i, from := range []string{"debian:13", "debian:12", "alpine:3.20", "busybox:musl"} {
		base, size, err := b.newBase(ctx, from, fmt.Sprintf("further-%d", i))
		if err != nil {
			return err
		}
		_, spent, err := b.assemble(ctx, base)
		if err != nil {
			return err
		}
		b.printf("| %s | %s | %s | %s |\n", from, seconds(spent.time), megabytes(spent.disk), megabytes(size))
	}
	b.clean(ctx)
	return nil
}
