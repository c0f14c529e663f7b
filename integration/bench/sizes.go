package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// payloadSizes lists the layers of the newest deps image of each kind that the
// engine has, each layer named by the component that it holds.
func (b *bench) payloadSizes(ctx context.Context) error {
	for _, image := range b.kinds {
		b.printf("\n## The payload: %s\n\n| layer | MB | MB with gzip | MB with zstd |\n|---|--:|--:|--:|\n", image.name)
		if err := b.layers(ctx, image.ref); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) layers(ctx context.Context, image string) error {
	save := b.engine.Command(ctx, "save", image)
	pipe, err := save.StdoutPipe()
	if err != nil {
		return err
	}
	if err := save.Start(); err != nil {
		return err
	}
	all := layerSize{name: "**together**"}
	row := func(l layerSize) {
		b.printf("| %s | %s | %s | %s |\n", l.name, megabytes(l.bytes), megabytes(l.gzip), megabytes(l.zstd))
	}
	err = eachLayer(pipe, func(l layerSize) {
		all.bytes, all.gzip, all.zstd = all.bytes+l.bytes, all.gzip+l.gzip, all.zstd+l.zstd
		row(l)
	})
	if err := errors.Join(err, save.Wait()); err != nil {
		return fmt.Errorf("reading %s: %w", image, err)
	}
	row(all)
	return nil
}

// layerSize is a layer as an archive: plain, and compressed as pushes do it.
type layerSize struct {
	name              string
	bytes, gzip, zstd int64
}

// eachLayer reads a saved image, a docker-archive or an OCI layout, and reports
// every layer in it.
func eachLayer(image io.Reader, report func(layerSize)) error {
	archive := tar.NewReader(image)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		content, err := layerOf(archive)
		if err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
		if content == nil {
			continue
		}
		layer, err := readLayer(content)
		if err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
		report(layer)
	}
}

// layerOf returns what a file of an image archive holds, uncompressed, or nil
// where that is no layer.
func layerOf(file io.Reader) (io.Reader, error) {
	content := bufio.NewReader(file)
	if start, _ := content.Peek(2); bytes.Equal(start, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(content)
		if err != nil {
			return nil, err
		}
		content = bufio.NewReader(unpacked)
	}
	// A tar archive has its magic number at byte 257, see tar(5).
	if start, _ := content.Peek(262); len(start) < 262 || string(start[257:]) != "ustar" {
		return nil, nil
	}
	return content, nil
}

func readLayer(r io.Reader) (layerSize, error) {
	layer := layerSize{name: "shared libraries"}
	var plain, gzipped, zstded counter
	toGzip, err := gzipCodec(gzip.DefaultCompression).write(&gzipped)
	if err != nil {
		return layer, err
	}
	toZstd, err := zstdCodec(zstd.SpeedBetterCompression).write(&zstded)
	if err != nil {
		return layer, err
	}
	content := io.TeeReader(r, io.MultiWriter(&plain, toGzip, toZstd))
	archive := tar.NewReader(content)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return layer, err
		}
		switch name := "/" + strings.TrimPrefix(header.Name, "/"); {
		case path.Dir(name) == payload.ComponentsDir:
			layer.name = strings.TrimSuffix(path.Base(name), ".json")
		case name == payload.ManifestFile:
			layer.name = "manifest"
		}
	}
	// What follows the archive's end mark belongs to the layer's digest.
	if _, err := io.Copy(io.Discard, content); err != nil {
		return layer, err
	}
	err = errors.Join(toGzip.Close(), toZstd.Close())
	layer.bytes, layer.gzip, layer.zstd = int64(plain), int64(gzipped), int64(zstded)
	return layer, err
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
