package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/client"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

const (
	classicImage  = "oh-bench/classic"
	compiledImage = "oh-bench/classic-compiled"
)

// classicBuild installs the same server and browser straight into Debian.
func (b *bench) classicBuild(ctx context.Context) error {
	args := []string{"buildx", "build", "--load", "--no-cache", "--tag", classicImage,
		"--file", "integration/bench/classic/Dockerfile"}
	if bundle := os.Getenv("SSL_CERT_FILE"); bundle != "" {
		args = append(args, "--secret", "id=ca,src="+bundle)
	}
	spent, err := b.measure(func() error {
		if out, err := b.engine.Command(ctx, append(args, "templates/components")...).CombinedOutput(); err != nil {
			return fmt.Errorf("the classic build: %w\n%s", err, out)
		}
		return nil
	})
	if err != nil {
		return err
	}
	classic, err := b.size(ctx, classicImage)
	if err != nil {
		return err
	}
	base, _, err := b.newBase(ctx, "debian:13", "against-classic")
	if err != nil {
		return err
	}
	tag, ours, err := b.assemble(ctx, base)
	if err != nil {
		return err
	}
	size, err := b.size(ctx, tag)
	if err != nil {
		return err
	}
	b.printf("\n## Against the classic build\n\nThe same lock, Chromium and tools by apt and uv on debian:13; every new base pays that again. VS Code and Node.js are in the payload only.\n\n"+
		"| | s for a base | MB of disk for a base | MB of the image | image / classic |\n|---|--:|--:|--:|--:|\n"+
		"| classic | %s | %s | %s | 1 |\n| plugin, payload present | %s | %s | %s | %s |\n",
		seconds(spent.time), megabytes(spent.disk), megabytes(classic), seconds(ours.time), megabytes(ours.disk), megabytes(size),
		ratio(size, classic))
	return nil
}

// compile adds byte code to the classic image.
func (b *bench) compile(ctx context.Context) error {
	cmd := b.engine.Command(ctx, "buildx", "build", "--load", "--build-arg", "CLASSIC="+classicImage, "--tag", compiledImage, "-")
	text, err := os.Open("integration/bench/classic/compiled.Dockerfile")
	if err != nil {
		return err
	}
	defer text.Close()
	cmd.Stdin = text
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("adding byte code to the classic image: %w\n%s", err, out)
	}
	b.images = append(b.images, compiledImage)
	return nil
}

// starts compares how long a container takes to /alive. The first start of
// each image warms the machine's file cache and is not counted.
func (b *bench) starts(ctx context.Context) error {
	ours, _, err := b.assemble(ctx, "debian:13")
	if err != nil {
		return err
	}
	b.images = append(b.images, classicImage)
	if err := b.compile(ctx); err != nil {
		return err
	}
	images := []string{classicImage, compiledImage, ours}
	times := map[string][]time.Duration{}
	for round := range 6 {
		for _, image := range images {
			took, err := b.start(ctx, image)
			if err != nil {
				return err
			}
			if round > 0 {
				times[image] = append(times[image], took)
			}
		}
	}
	b.printf("\n## From `docker run` to /alive\n\nMedian of five starts, in turn.\n\n| image | s | plugin / it |\n|---|--:|--:|\n")
	for _, row := range [][2]string{
		{"classic, without byte code", classicImage}, {"classic with byte code: the same server unsealed", compiledImage}, {"plugin, debian:13", ours},
	} {
		b.printf("| %s | %s | %s |\n", row[0], seconds(median(times[row[1]])), ratio(int64(median(times[ours])), int64(median(times[row[1]]))))
	}
	b.clean(ctx)
	return nil
}

func (b *bench) start(ctx context.Context, image string) (time.Duration, error) {
	begin := time.Now()
	container, err := b.engine.Docker(ctx, "run", "--detach", "--publish", "127.0.0.1::8000", image)
	if err != nil {
		return 0, err
	}
	defer b.engine.Docker(context.WithoutCancel(ctx), "rm", "--force", "--volumes", container)
	ports, err := b.engine.Docker(ctx, "port", container, "8000/tcp")
	if err != nil {
		return 0, err
	}
	address, _, _ := strings.Cut(ports, "\n")
	server := client.Client{URL: "http://" + address}
	err = lab.WaitFor(ctx, 5*time.Minute, "the server of "+image, func(ctx context.Context) bool {
		alive, err := server.Alive(ctx)
		return err == nil && alive
	})
	return time.Since(begin), err
}
