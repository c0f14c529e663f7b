package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// base is an image that the tests and the quickstart build on, and how to
// make something that stands in for it where it cannot be pulled.
type base struct {
	ref     string
	cmd     string // the image's default command
	suite   string // of Debian, for debootstrap
	archive string // root file system in the folder of archives, a pattern
	shape   *shape // what a root of suite is made to look like; such an image exists nowhere else
	uroot   bool   // of u-root's commands; such an image exists nowhere else either
}

// builderBase is the image in which the payload is built.
const builderBase = "debian:trixie-slim"

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func bases() []base {
	return []base{
		{ref: builderBase, cmd: "bash", suite: "trixie"},
		{ref: "debian:11", cmd: "bash", suite: "bullseye"},
		{ref: "debian:12", cmd: "bash", suite: "bookworm"},
		{ref: "debian:13", cmd: "bash", suite: "trixie"},
		{ref: "alpine:3.20", cmd: "/bin/sh", archive: "alpine-3.20*"},
		{ref: "busybox:glibc", cmd: "sh", archive: "busybox-glibc"},
		{ref: "busybox:musl", cmd: "sh", archive: "busybox-musl"},
		{ref: "el-like:9", cmd: "/bin/bash", suite: "bookworm", shape: &shape{script: elScript, packages: []string{"sudo", "ca-certificates"}}},
		{ref: "ubuntu-like:24.04", cmd: "/bin/bash", suite: "trixie", shape: &shape{script: ubuntuScript}},
		{ref: "u-root:core", cmd: "/bin/sh", uroot: true},
	}
}

// BaseNames lists the images that EnsureBases knows, Debian's oldest first.
func BaseNames() []string {
	var names []string
	for _, b := range bases() {
		names = append(names, b.ref)
	}
	return names
}

// EnsureBases makes sure that the default engine holds the named images. One
// that is neither local nor pullable is made on this machine: Debian by
// debootstrap, u-root by go, the others from root file systems in the folder
// archives. Each
// stand-in is announced as such on log.
func EnsureBases(ctx context.Context, archives string, log io.Writer, names ...string) error {
	maker := &maker{archives: archives, log: log, pulls: true}
	for _, name := range names {
		known := bases()
		i := slices.IndexFunc(known, func(b base) bool { return b.ref == name })
		if i < 0 {
			return fmt.Errorf("%s is not one of the bases %s", name, strings.Join(BaseNames(), ", "))
		}
		if err := maker.ensure(ctx, known[i]); err != nil {
			return fmt.Errorf("base %s: %w", name, err)
		}
	}
	return nil
}

// maker remembers, over several bases, whether pulling is worth a try.
type maker struct {
	archives string
	log      io.Writer
	pulls    bool
}

func (m *maker) ensure(ctx context.Context, b base) error {
	if (Engine{}).HasImage(ctx, b.ref) {
		fmt.Fprintf(m.log, "bases: %s is there\n", b.ref)
		return nil
	}
	switch {
	case b.shape != nil:
		return m.shaped(ctx, b)
	case b.uroot:
		return m.uroot(ctx, b)
	}
	var pullErr error
	if m.pulls {
		if pullErr = pull(ctx, b.ref, m.log); pullErr == nil {
			return nil
		}
		m.pulls = false
		fmt.Fprintf(m.log, "bases: no registry can be reached (%v): making stand-ins\n", pullErr)
	}
	if b.suite != "" {
		return m.debian(ctx, b)
	}
	return m.unpacked(ctx, b)
}

// answerLimit is how long a registry has to answer with the image's manifest.
const answerLimit = 20 * time.Second

// pull pulls an image and gives up early where no registry answers at all.
func pull(ctx context.Context, ref string, log io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(answerLimit, func() {
		cancel(fmt.Errorf("no answer within %s", answerLimit))
	})
	defer silent.Stop()
	cmd := Engine{}.Command(ctx, "pull", ref)
	var stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stopOnWrite{log, silent}, &stderr
	if err := cmd.Run(); err != nil {
		return errors.Join(context.Cause(ctx), commandError(cmd, err, stderr.String()))
	}
	return nil
}

// stopOnWrite passes on what docker prints; the first line stops the timer.
type stopOnWrite struct {
	io.Writer
	timer *time.Timer
}

func (w *stopOnWrite) Write(p []byte) (int, error) {
	w.timer.Stop()
	return w.Writer.Write(p)
}

// debian makes a stand-in for a Debian image. Two names of one release share
// one image.
func (m *maker) debian(ctx context.Context, b base) error {
	for _, twin := range bases() {
		if twin.suite == b.suite && twin.shape == nil && twin.ref != b.ref && (Engine{}).HasImage(ctx, twin.ref) {
			fmt.Fprintf(m.log, "bases: %s is a second name of %s here\n", b.ref, twin.ref)
			_, err := Engine{}.Docker(ctx, "tag", twin.ref, b.ref)
			return err
		}
	}
	root, err := os.MkdirTemp("", "oh-lab-debootstrap-")
	if err != nil {
		return fmt.Errorf("making a folder for debootstrap: %w", err)
	}
	defer os.RemoveAll(root)
	mirror, err := debootstrap(ctx, b.suite, runtime.GOARCH, root, m.log)
	if err != nil {
		return err
	}
	if err := b.importTree(ctx, root); err != nil {
		return err
	}
	fmt.Fprintf(m.log, "bases: %s is a stand-in, made by debootstrap from %s of %s\n", b.ref, b.suite, mirror)
	return nil
}

// unpacked makes an image of a root file system that is kept as an archive.
func (m *maker) unpacked(ctx context.Context, b base) error {
	archive, err := b.findArchive(m.archives, runtime.GOARCH)
	if err != nil {
		return err
	}
	if _, err := (Engine{}).Docker(ctx, append(append([]string{"import"}, b.changes()...), archive, b.ref)...); err != nil {
		return err
	}
	fmt.Fprintf(m.log, "bases: %s is a stand-in, imported from %s\n", b.ref, filepath.Base(archive))
	return nil
}

// Archive returns the root file system of a base for a GOARCH architecture.
func Archive(archives, ref, goarch string) (string, error) {
	for _, b := range bases() {
		if b.ref == ref && b.archive != "" {
			return b.findArchive(archives, goarch)
		}
	}
	return "", fmt.Errorf("no archive is known for %s", ref)
}

func (b base) findArchive(archives, goarch string) (string, error) {
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[goarch]
	pattern := filepath.Join(archives, b.archive+"-"+machine+".tar.gz")
	found, err := filepath.Glob(pattern)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("it can neither be pulled nor made here: there is no archive %s; "+
			"save one on a machine that can pull (docker export $(docker create %s) | gzip), and name its folder with OH_SHARED", pattern, b.ref)
	}
	return found[0], nil
}

// changes are the settings that the real image has beside its files.
func (b base) changes() []string {
	return []string{"--change", "ENV PATH=" + defaultPath, "--change", `CMD ["` + b.cmd + `"]`}
}

// Archives is the folder with root file systems: "bases" below the folder
// that OH_SHARED names, or below ../shared.
func Archives() string {
	shared := os.Getenv("OH_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "shared")
	}
	return filepath.Join(shared, "bases")
}
