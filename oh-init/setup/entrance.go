package setup

import (
	"errors"
	"io/fs"
	"path"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// entrances puts a link to payload.Init where clients look for a program of the
// server's own image. What the base has in its place stays: it may be that image.
func (s *stage) entrances(programs []string) error {
	for _, name := range programs {
		err := s.entrance(name)
		var odd *obstacle
		if errors.As(err, &odd) {
			s.note("clients that start %s do not get the server: %v", name, odd)
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) entrance(name string) error {
	dir, e, ok, err := s.resolve(path.Dir(name))
	switch {
	case err != nil:
		return err
	case ok && !e.Mode.IsDir():
		return obstacleError("%s is no directory", path.Dir(name))
	}
	e, ok, err = s.lstat(path.Join(dir, path.Base(name)))
	if err != nil {
		return err
	}
	if ok && (e.Mode.Type() != fs.ModeSymlink || e.Target != payload.Init) {
		return obstacleError("the base has a file of its own there")
	}
	return s.symlink(name, payload.Init)
}
