// Pack puts the files of a folder into one compressed tar archive, as package
// helpers embeds it. The same files give the same bytes.
package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: pack DIR FILE.tar.zst")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

// run writes file anew, and whole or not at all: another build may read it.
func run(dir, file string) error {
	packed, err := pack(dir)
	if err != nil {
		return fmt.Errorf("packing %s: %w", dir, err)
	}
	temporary := file + ".tmp"
	if err := os.WriteFile(temporary, packed, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, file)
}

// window is the size of what an encoder looks back at: larger than a program,
// because the programs of one architecture have Go's runtime in common.
const window = 16 << 20

func pack(dir string) ([]byte, error) {
	entries, err := os.ReadDir(dir) // by name
	if err != nil {
		return nil, err
	}
	var plain bytes.Buffer
	archive := tar.NewWriter(&plain)
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		if err := archive.WriteHeader(&tar.Header{Name: entry.Name(), Mode: 0o755, Size: int64(len(data))}); err != nil {
			return nil, err
		}
		if _, err := archive.Write(data); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(window))
	if err != nil {
		return nil, err
	}
	defer encoder.Close()
	return encoder.EncodeAll(plain.Bytes(), nil), nil
}
