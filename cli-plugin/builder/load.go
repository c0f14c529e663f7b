package builder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// unpackFailure starts the line with which an engine on containerd's store
// tells, as no error, that it keeps an image that it could not unpack.
const unpackFailure = "Error unpacking image "

// load hands an archive to the engine and waits until it is unpacked. What the
// engine says against it is a *refusedError.
func (e *Engine) load(ctx context.Context, archive io.Reader) error {
	response, err := e.api.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(true))
	if err != nil {
		return &refusedError{fmt.Errorf("loading the image: %w", err)}
	}
	defer response.Close()
	for decoder := json.NewDecoder(response); ; {
		var message jsonstream.Message
		err := decoder.Decode(&message)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("loading the image: %w", err)
		}
		if message.Error != nil {
			return &refusedError{fmt.Errorf("loading the image: %w", message.Error)}
		}
		if strings.HasPrefix(message.Stream, unpackFailure) {
			return &refusedError{fmt.Errorf("loading the image: %s", strings.TrimSpace(message.Stream))}
		}
	}
}

// descriptors returns the compressed layers of an image in containerd's store.
// The engine tells them only in the whole stream of the image; they are kept
// by image ID, which is a digest over them, in the user's cache folder.
func (e *Engine) descriptors(ctx context.Context, id string) ([]ocispec.Descriptor, error) {
	name, err := cacheFile("layers", id)
	if err != nil {
		return nil, err
	}
	var descriptors []ocispec.Descriptor
	if data, err := os.ReadFile(name); err == nil && json.Unmarshal(data, &descriptors) == nil {
		return descriptors, nil
	}
	saved, err := e.save(ctx, id, reading{})
	if err != nil {
		return nil, err
	}
	return saved.Descriptors, e.remember(id, saved.Descriptors)
}

// remember keeps the compressed layers of an image for descriptors.
func (e *Engine) remember(id string, descriptors []ocispec.Descriptor) error {
	name, err := cacheFile("layers", id)
	if err != nil {
		return err
	}
	data, err := json.Marshal(descriptors)
	if err != nil {
		return fmt.Errorf("encoding layer descriptors: %w", err)
	}
	return writeCache(name, data)
}

// cacheFile returns the place of what is known of an image.
func cacheFile(kind, id string) (string, error) {
	dir, err := cacheDir(kind)
	return filepath.Join(dir, filepath.Base(id)+".json"), err
}

// writeCache puts a file in place at once, so that no reader sees half of it.
func writeCache(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("making the cache folder: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return fmt.Errorf("writing to the cache folder: %w", err)
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("writing to the cache folder: %w", errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}
