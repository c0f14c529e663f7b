package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// ReadFile returns the content of a file, nil where there is none.
func ReadFile(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	return text, nil
}

// WriteFile gives a file a new content: readers see the old one or the new
// one, whatever happens meanwhile. Links are followed; the mode and, as far as
// allowed, the owner stay; a new file gets perm. A file that nobody may write
// is left alone.
func WriteFile(name string, content []byte, perm fs.FileMode) error {
	if err := replace(name, content, perm); err != nil {
		return problem.New(problem.NotWritable, name+" cannot be written", err,
			"Make it writable, or change it where it comes from")
	}
	return nil
}

func replace(name string, content []byte, perm fs.FileMode) (err error) {
	target, err := destination(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	info, err := os.Stat(target)
	switch {
	case err == nil && info.Mode().Perm()&0o222 == 0: // root could
		return &fs.PathError{Op: "open", Path: target, Err: fs.ErrPermission}
	case err == nil:
		perm = info.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+"-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temp.Name()))
		}
	}()
	_, err = temp.Write(content)
	if err == nil {
		err = temp.Chmod(perm)
	}
	if err == nil && info != nil {
		keepOwner(temp, info)
	}
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), target)
}

// destination follows links, also to a file that does not exist yet.
func destination(name string) (string, error) {
	for range 40 {
		target, err := os.Readlink(name)
		if err != nil { // no link
			return name, nil
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(name), target)
		}
		name = target
	}
	return "", &fs.PathError{Op: "readlink", Path: name, Err: errors.New("too many links")}
}
