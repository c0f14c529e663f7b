package builder

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// cacheDir is a folder of this program in the user's cache folder.
func cacheDir(kind string) (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache folder: %w", err)
	}
	return filepath.Join(dir, "docker-openhands", kind), nil
}

// remember keeps something for recall. Where that cannot be done, it is found
// out again the next time.
func remember(kind, name string, what any) {
	if data, err := json.Marshal(what); err == nil {
		writeCache(kind, name+".json", data)
	}
}

// recall tells whether it has read what remember kept.
func recall(kind, name string, into any) bool {
	data, err := readCache(kind, name+".json")
	return err == nil && json.Unmarshal(data, into) == nil
}

// cacheFile is where something is kept.
func cacheFile(kind, name string) (string, error) {
	dir, err := cacheDir(kind)
	return filepath.Join(dir, filepath.Base(name)), err
}

func readCache(kind, name string) ([]byte, error) {
	file, err := cacheFile(kind, name)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}

func openCache(kind, name string) (*os.File, error) {
	file, err := cacheFile(kind, name)
	if err != nil {
		return nil, err
	}
	return os.Open(file)
}

func writeCache(kind, name string, data []byte) {
	createCache(kind, name, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// createCache puts what write writes in place at once, so that no reader sees
// half of it, or not at all.
func createCache(kind, name string, write func(io.Writer) error) {
	file, err := cacheFile(kind, name)
	if err != nil || os.MkdirAll(filepath.Dir(file), 0o755) != nil {
		return
	}
	part, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return
	}
	out := bufio.NewWriter(part)
	err = errors.Join(write(out), out.Flush(), part.Close())
	if err != nil || os.Rename(part.Name(), file) != nil {
		_ = os.Remove(part.Name())
	}
}
