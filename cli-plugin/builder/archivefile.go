package builder

import (
	"errors"
	"io"
	"os"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
)

// writeWhole has write make the file name, which is there only when it is
// whole.
func writeWhole(l *state.Lease, name string, write func(io.Writer) error) (err error) {
	part, err := l.Part(name)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return notWritable(name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part))
		}
	}()
	err = errors.Join(write(file), file.Chmod(0o644), file.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(part, name); err != nil {
		return notWritable(name, err)
	}
	return nil
}

func notWritable(name string, err error) error {
	return problem.New(problem.NotWritable, "the archive "+name+" cannot be written", err, "Name a place that exists and can be written to")
}
