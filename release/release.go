package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const program = "docker-openhands"

// release is one version for several platforms.
type release struct {
	version   string    // as git describe prints it
	commit    string    // its hash; empty where git does not know
	created   time.Time // of everything in it
	platforms []string  // GOOS/GOARCH
	cache     string    // Go's build cache; the user's own when empty
}

// commitTime is SOURCE_DATE_EPOCH (reproducible-builds.org), else the time of the
// commit.
func commitTime(ctx context.Context) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		var out bytes.Buffer
		git := exec.CommandContext(ctx, "git", "log", "-1", "--format=%ct")
		git.Stdout, git.Stderr = &out, os.Stderr
		if err := git.Run(); err != nil {
			return time.Time{}, fmt.Errorf("asking git for the time of the commit: %w", err)
		}
		text = strings.TrimSpace(out.String())
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the time of the release: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// make writes the release into the folder out, which it makes.
func (r release) make(ctx context.Context, out string) error {
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := r.command(ctx, nil, "go", "generate", "./cli-plugin/helpers"); err != nil {
		return err
	}
	for _, platform := range r.platforms {
		if err := r.platform(ctx, platform, filepath.Join(work, strings.ReplaceAll(platform, "/", "_")), out); err != nil {
			return fmt.Errorf("making the release for %s: %w", platform, err)
		}
	}
	return sums(out)
}

func (r release) platform(ctx context.Context, platform, stage, out string) error {
	system, arch, ok := strings.Cut(platform, "/")
	if !ok {
		return fmt.Errorf("a platform is GOOS/GOARCH")
	}
	if err := stageFiles(stage, r.created); err != nil {
		return err
	}
	built := filepath.Join(stage, program)
	if err := r.build(ctx, system, arch, built); err != nil {
		return err
	}
	info, err := os.Stat(built)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: the plugin has %.1f MB\n", platform, float64(info.Size())/1e6)
	name := fmt.Sprintf("%s_%s_%s_%s", program, packageVersion(r.version), system, arch)
	bill, err := bill(name, r.version, r.created, built, helperFiles())
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, name+".spdx.json"), bill, 0o644); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(out, name+".tar.gz"), func(w io.Writer) error {
		return archive(w, stage, name, r.created)
	}); err != nil {
		return err
	}
	if system == "linux" {
		return r.packages(ctx, arch, stage, out)
	}
	return nil
}

// build makes the plugin, as "make build" does. The tag leaves out a page of gRPC's
// for browsers.
func (r release) build(ctx context.Context, system, arch, to string) error {
	return r.command(ctx, []string{"GOOS=" + system, "GOARCH=" + arch, "CGO_ENABLED=0"}, "go", "build", "-trimpath", "-buildvcs=false",
		"-tags", "grpcnotrace", "-ldflags", "-s -w -X main.version="+r.version+" -X main.commit="+r.commit, "-o", to, "./cli-plugin")
}

// command runs a program in the project's folder, with variables on top of this
// process's. What would change the bytes that Go makes is taken out.
func (r release) command(ctx context.Context, variables []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOAMD64=", "GOARM64=", "GOEXPERIMENT=")
	if r.cache != "" {
		cmd.Env = append(cmd.Env, "GOCACHE="+r.cache)
	}
	cmd.Env = append(cmd.Env, variables...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running %s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

// compare makes the release once more, without what Go keeps between builds, and
// says which file of out comes out otherwise.
func (r release) compare(ctx context.Context, out string) error {
	work, err := os.MkdirTemp("", "release-again-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	r.cache = filepath.Join(work, "cache")
	again := filepath.Join(work, "dist")
	if err := r.make(ctx, again); err != nil {
		return err
	}
	return same(out, again)
}

// same reports the first file that is not the same in both folders.
func same(a, b string) error {
	names, err := fileNames(a)
	if err != nil {
		return err
	}
	others, err := fileNames(b)
	if err != nil {
		return err
	}
	if !slices.Equal(names, others) {
		return fmt.Errorf("the files of two builds have different names: %q and %q", names, others)
	}
	for _, name := range names {
		first, err := os.ReadFile(filepath.Join(a, name))
		if err != nil {
			return err
		}
		second, err := os.ReadFile(filepath.Join(b, name))
		if err != nil {
			return err
		}
		if !bytes.Equal(first, second) {
			return fmt.Errorf("two builds of %s differ", name)
		}
	}
	return nil
}

// sums writes SHA256SUMS over the files of a folder, as sha256sum --check reads
// it.
func sums(folder string) error {
	names, err := fileNames(folder)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%x  %s\n", sha256.Sum256(data), name)
	}
	return os.WriteFile(filepath.Join(folder, "SHA256SUMS"), []byte(text.String()), 0o644)
}

func fileNames(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, nil
}
