package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"
)

// archive writes the files of the folder stage as a compressed tar archive, all
// below one folder of the given name: in the order of their names, root's, of one
// time.
func archive(w io.Writer, stage, name string, modified time.Time) error {
	compressed, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	plain := tar.NewWriter(compressed)
	files := os.DirFS(stage)
	err = fs.WalkDir(files, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, file)
		if err != nil {
			return err
		}
		mode := int64(0o644)
		if file == program {
			mode = 0o755
		}
		header := &tar.Header{Name: path.Join(name, file), Mode: mode, Size: int64(len(data)), ModTime: modified}
		if err := plain.WriteHeader(header); err != nil {
			return err
		}
		_, err = plain.Write(data)
		return err
	})
	if err := errors.Join(err, plain.Close(), compressed.Close()); err != nil {
		return fmt.Errorf("writing the archive %s: %w", name, err)
	}
	return nil
}

// writeFile makes a file and has it written.
func writeFile(name string, write func(io.Writer) error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
