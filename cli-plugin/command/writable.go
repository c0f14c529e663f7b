package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// checkWritable finds out, before there is something to write, whether the
// file that a flag names can be written. A file that it makes is removed again.
func checkWritable(flag, name string) error {
	if name == "" {
		return nil
	}
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil // a pipe's reader would see it end
	}
	missing := errors.Is(err, fs.ErrNotExist)
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o644)
	if err == nil {
		err = file.Close()
	}
	if err == nil && missing {
		err = os.Remove(name)
	}
	if err != nil {
		return notWritable(flag, name, err)
	}
	return nil
}

func notWritable(flag, name string, err error) error {
	return problem.New(problem.NotWritable, fmt.Sprintf("%s %s cannot be written", flag, name), err, "Name a place that exists and can be written to")
}
