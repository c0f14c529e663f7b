package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// inFolder has a part work in a folder that is removed after it.
func inFolder(ctx context.Context, part func(context.Context, string) error) (err error) {
	dir, err := os.MkdirTemp("", "oh-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return part(ctx, dir)
}

// codec is a compression at one level.
type codec struct {
	name  string
	write func(io.Writer) (io.WriteCloser, error)
	read  func(io.Reader) (io.Reader, error)
}

func codecs() []codec {
	return []codec{
		gzipCodec(gzip.BestSpeed), gzipCodec(gzip.DefaultCompression), gzipCodec(gzip.BestCompression),
		zstdCodec(zstd.SpeedFastest), zstdCodec(zstd.SpeedDefault), zstdCodec(zstd.SpeedBetterCompression), zstdCodec(zstd.SpeedBestCompression),
	}
}

// gzipCodec is gzip; pushes use gzip.DefaultCompression.
func gzipCodec(level int) codec {
	name := "gzip, level " + strconv.Itoa(level)
	if level == gzip.DefaultCompression {
		name = "gzip, as pushed"
	}
	return codec{name,
		func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, level) },
		func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }}
}

// zstdCodec is zstd; pushes use zstd.SpeedBetterCompression.
func zstdCodec(level zstd.EncoderLevel) codec {
	name := "zstd, " + level.String()
	if level == zstd.SpeedBetterCompression {
		name = "zstd, as pushed"
	}
	return codec{name,
		func(w io.Writer) (io.WriteCloser, error) {
			return zstd.NewWriter(w, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(2))
		},
		func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) }}
}

// compressions compresses and decompresses every layer of the payload.
func (b *bench) compressions(ctx context.Context, dir string) error {
	layers, plain, err := b.saveLayers(ctx, dir)
	if err != nil {
		return err
	}
	b.printf("\n## Compressions of the payload\n\n%s MB of layers, compressed and decompressed by the libraries that pushes use; CPU time, of all threads.\n\n| | MB | of the size | CPU s to compress | CPU s to decompress |\n|---|--:|--:|--:|--:|\n", megabytes(plain))
	packed := filepath.Join(dir, "packed")
	for _, c := range codecs() {
		var size int64
		var there, back time.Duration
		for _, layer := range layers {
			start := cpuTime()
			n, err := c.pack(layer, packed)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			half := cpuTime()
			if err := c.unpack(packed); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			size, there, back = size+n, there+half-start, back+cpuTime()-half
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		b.printf("| %s | %s | %s | %s | %s |\n", c.name, megabytes(size), ratio(size, plain), seconds(there), seconds(back))
	}
	return nil
}

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // never fails for oneself
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// saveLayers writes every layer of the payload into a file of its own.
func (b *bench) saveLayers(ctx context.Context, dir string) (files []string, size int64, err error) {
	save := b.engine.Command(ctx, "save", b.deps)
	pipe, err := save.StdoutPipe()
	if err != nil {
		return nil, 0, err
	}
	if err := save.Start(); err != nil {
		return nil, 0, err
	}
	archive := tar.NewReader(pipe)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, size, save.Wait()
		}
		if err != nil {
			return nil, 0, errors.Join(err, save.Wait())
		}
		content, err := layerOf(archive)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", header.Name, err)
		}
		if content == nil {
			continue
		}
		name := filepath.Join(dir, strconv.Itoa(len(files)))
		n, err := writeTo(name, content)
		if err != nil {
			return nil, 0, err
		}
		files, size = append(files, name), size+n
	}
}

func writeTo(name string, content io.Reader) (int64, error) {
	file, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(file, content)
	return n, errors.Join(err, file.Close())
}

func (c codec) pack(from, to string) (int64, error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return 0, err
	}
	var size counter
	z, err := c.write(io.MultiWriter(out, &size))
	if err != nil {
		return 0, errors.Join(err, out.Close())
	}
	_, err = io.Copy(z, in)
	err = errors.Join(err, z.Close(), out.Close())
	return int64(size), err
}

func (c codec) unpack(from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	content, err := c.read(bufio.NewReader(in))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, content)
	return err
}

// pushes goes to a registry and from there into an engine with containerd's
// store that has nothing.
func (b *bench) pushes(ctx context.Context, dir string) error {
	registry, err := lab.StartRegistry(ctx, dir, os.Stderr)
	if err != nil {
		return err
	}
	defer registry.Stop()
	cache := filepath.Join(dir, "cache") // nothing is known of earlier pushes
	push := func(engine lab.Engine, base, ref, form string) (pushed, error) {
		return plugin(ctx, engine, cache, "build", "--base", base, "--deps-image", b.deps, "--push", "--tag", registry.Host+ref, "--compression", form)
	}
	b.printf("\n## Pushing to a registry\n\nDebian's docker-registry on the same machine. The payload goes there once for each compression; bases are in the registry, and no engine is needed then.\n\n| | s | bytes uploaded | layers uploaded, mounted, there |\n|---|--:|--:|---|\n")
	row := func(name string, p pushed) {
		b.printf("| %s | %s | %d | %d, %d, %d |\n", name, seconds(p.took), p.UploadedBytes, p.UploadedLayers, p.MountedLayers, p.PresentLayers)
	}
	for _, form := range []string{"gzip", "zstd"} {
		p, err := push(b.engine, "scratch", "/bench/"+form+":scratch", form)
		if err != nil {
			return err
		}
		row("payload and an image over scratch, "+form, p)
	}
	payload, err := b.engine.Docker(ctx, "image", "inspect", "--format", `{{index .Config.Labels "dev.openhands.deps.tag"}}`, b.deps)
	if err != nil {
		return err
	}
	nobody := lab.Engine{Host: "unix:///nonexistent/docker.sock"}
	for _, base := range []string{"alpine:3.20", "debian:12"} {
		ref := registry.Host + "/lib/" + base
		for _, args := range [][]string{{"tag", base, ref}, {"push", "--quiet", ref}, {"rmi", ref}} {
			if _, err := b.engine.Docker(ctx, args...); err != nil {
				return err
			}
		}
		for i, name := range []string{base + ", new to this machine", base + ", another image over it"} {
			p, err := plugin(ctx, nobody, cache, "build", "--base", ref, "--deps-image", registry.Host+"/bench/gzip:"+payload, "--push",
				"--tag", fmt.Sprintf("%s/bench/gzip:%s-%d", registry.Host, strings.NewReplacer(":", "-").Replace(base), i), "--user", "user"+strconv.Itoa(i))
			if err != nil {
				return err
			}
			row(name, p)
		}
	}
	return b.pulls(ctx, dir, registry)
}

// pulls has a new engine pull and unpack what was pushed.
func (b *bench) pulls(ctx context.Context, dir string, registry *lab.Registry) (err error) {
	second, err := lab.NewSecondEngine(filepath.Join(dir, "engine"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, second.Remove(context.WithoutCancel(ctx))) }()
	if err := second.Start(ctx, os.Stderr); err != nil {
		return err
	}
	listener, err := second.Listen(registry.Host)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: registry.Host})
		r.Out.Host = r.In.Host
	}}}
	go func() { _ = server.Serve(listener) }() // ends with Close
	defer server.Close()
	version, err := second.Docker(ctx, "version", "--format", "{{.Server.Version}}")
	if err != nil {
		return err
	}
	b.printf("\n## Pulling and unpacking\n\nDocker %s with containerd's store, an image over scratch, the registry on the same machine.\n\n| | s |\n|---|--:|\n", version)
	for _, form := range []string{"gzip", "zstd"} {
		ref := registry.Host + "/bench/" + form + ":scratch"
		start := time.Now()
		if _, err := second.Docker(ctx, "pull", "--quiet", ref); err != nil {
			return err
		}
		b.printf("| %s | %s |\n", form, seconds(time.Since(start)))
		if _, err := second.Docker(ctx, "rmi", ref); err != nil {
			return err
		}
	}
	return nil
}

// pushed is what a push came to, the payload's included.
type pushed struct {
	took                                                        time.Duration
	UploadedBytes, UploadedLayers, MountedLayers, PresentLayers int64
}

// plugin runs the plugin with a cache folder of its own.
func plugin(ctx context.Context, engine lab.Engine, cache string, args ...string) (pushed, error) {
	cmd := engine.Command(ctx, append([]string{"openhands"}, append(args, "--json", "--progress", "quiet")...)...)
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "XDG_CACHE_HOME="+cache)
	start := time.Now()
	out, err := cmd.Output()
	took := time.Since(start)
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	if err != nil {
		return pushed{}, err
	}
	var report struct{ Images []struct{ Push pushed } }
	if err := json.Unmarshal(out, &report); err != nil {
		return pushed{}, fmt.Errorf("reading %s: %w", bytes.TrimSpace(out), err)
	}
	all := pushed{took: took}
	for _, image := range report.Images {
		all.UploadedBytes += image.Push.UploadedBytes
		all.UploadedLayers += image.Push.UploadedLayers
		all.MountedLayers += image.Push.MountedLayers
		all.PresentLayers += image.Push.PresentLayers
	}
	return all, nil
}
