package bundler

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// errIrregular is returned for directories, pipes, sockets and devices.
var errIrregular = errors.New("not a regular file")

// openRegular opens a regular file for reading. Opening never waits, not even
// for the writer of a pipe.
func openRegular(host string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(host, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: host, Err: errIrregular}
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// unchanged returns an error if the file is no longer what info describes.
func unchanged(f *os.File, info fs.FileInfo) error {
	now, err := f.Stat()
	if err != nil {
		return err
	}
	if now.Size() != info.Size() || !now.ModTime().Equal(info.ModTime()) {
		return fmt.Errorf("%s changed while it was read", f.Name())
	}
	return nil
}

// maxText bounds the size of a configuration file.
const maxText = 64 << 20

// readText reads a whole file of the View.
func readText(v *View, name string) (string, error) {
	e, err := v.Lookup(name)
	if err != nil {
		return "", err
	}
	f, info, err := openRegular(e.Host)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info.Size() > maxText {
		return "", fmt.Errorf("%s: %d bytes are too many", name, info.Size())
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return "", fmt.Errorf("%s: %w", name, errors.Join(err, unchanged(f, info)))
	}
	return string(data), nil
}
