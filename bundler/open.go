package bundler

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// openStat opens a regular file and says what it is at that moment.
func openStat(host string) (*os.File, fs.FileInfo, error) {
	f, err := openRegular(host)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
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
	f, info, err := openStat(e.Host)
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
