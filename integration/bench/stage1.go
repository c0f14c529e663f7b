package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// benchRepository keeps the deps images of this run apart from the user's.
const benchRepository = "oh-bench/stage1"

// stage1 builds the payload from nothing, and again after one small component
// has changed. The cache of the packages' archives stays: what a network can
// do is not measured.
func (b *bench) stage1(ctx context.Context) error {
	root, err := os.MkdirTemp("", "oh-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	dir := filepath.Join(root, "note")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	write := func(text string) error {
		install := "#!/bin/sh\nset -eu\nmkdir -p /openhands/share/note\necho '" + text + "' >/openhands/share/note/text\n"
		recipe := "description = 'a note'\nlicense = 'MIT'\nproof = ['/openhands/fallback/bin/cat', '/openhands/share/note/text']\n"
		if err := os.WriteFile(filepath.Join(dir, "component.toml"), []byte(recipe), 0o644); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "install.sh"), []byte(install), 0o644)
	}
	b.printf("\n## Stage 1\n\n| | s |\n|---|--:|\n")
	for _, run := range []struct {
		name, text string
		args       []string
	}{
		{"from nothing (`--no-cache`)", "one", []string{"--no-cache", "--force-rebuild"}},
		{"after one component has changed", "two", nil},
	} {
		if err := write(run.text); err != nil {
			return err
		}
		args := append([]string{"openhands", "deps", "build", "--component-dir", dir, "--repository", benchRepository, "--progress", "quiet"}, run.args...)
		begin := time.Now()
		if out, err := b.engine.Command(ctx, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("building stage 1 %s: %w\n%s", run.name, err, out)
		}
		b.printf("| %s | %s |\n", run.name, seconds(time.Since(begin)))
	}
	return b.removeAll(ctx, benchRepository)
}

// removeAll removes every image of a repository.
func (b *bench) removeAll(ctx context.Context, repository string) error {
	ids, err := b.engine.Docker(ctx, "images", "--quiet", repository)
	if err != nil {
		return err
	}
	b.images = append(b.images, strings.Fields(ids)...)
	b.clean(ctx)
	return nil
}
