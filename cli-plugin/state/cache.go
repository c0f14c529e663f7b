// Package state keeps what commands of one user leave for each other in the
// user's cache folder: what was found out, locks, and leases. Nothing in it is
// needed: where there is no such folder, things are found out again and nobody
// is kept out.
package state

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Folder is a folder of this program in the user's cache folder, or, without a
// kind, the one that holds them. It need not be there.
func Folder(kind string) (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache folder: %w", err)
	}
	return filepath.Join(dir, "docker-openhands", kind), nil
}

// Remember keeps something for Recall. Where that cannot be done, it is found
// out again the next time.
func Remember(kind, name string, what any) {
	if data, err := json.Marshal(what); err == nil {
		write(kind, name+".json", data)
	}
}

// Recall reports whether it has read what Remember kept.
func Recall(kind, name string, into any) bool {
	data, err := read(kind, name+".json")
	return err == nil && json.Unmarshal(data, into) == nil
}

// fileOf is where something is kept.
func fileOf(kind, name string) (string, error) {
	dir, err := Folder(kind)
	return filepath.Join(dir, filepath.Base(name)), err
}

func read(kind, name string) ([]byte, error) {
	file, err := fileOf(kind, name)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}

// Open opens what Create made.
func Open(kind, name string) (*os.File, error) {
	file, err := fileOf(kind, name)
	if err != nil {
		return nil, err
	}
	return os.Open(file)
}

func write(kind, name string, data []byte) {
	Create(kind, name, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Create puts what content writes in place at once, so that no reader sees
// half of it, or not at all.
func Create(kind, name string, content func(io.Writer) error) {
	file, err := fileOf(kind, name)
	if err != nil || os.MkdirAll(filepath.Dir(file), 0o755) != nil {
		return
	}
	part, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return
	}
	out := bufio.NewWriter(part)
	err = errors.Join(content(out), out.Flush(), part.Close())
	if err != nil || os.Rename(part.Name(), file) != nil {
		_ = os.Remove(part.Name())
	}
}
