package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// called returns the arguments of this program for a command line that may be
// of one of payload.Server.Entrances. Who starts these in the place of the
// image's entry point does not say whom the image was made for. For a Python that
// is not asked for the server other is true.
func called(argv []string) (args []string, other bool) {
	var options []string
	switch path.Base(argv[0]) {
	case path.Base(payload.AgentServerEntrance):
		options = argv[1:]
	case path.Base(payload.PythonEntrance):
		i := payload.ModuleIndex(argv)
		if i == 0 || argv[i] != payload.AgentServerModule {
			return nil, true
		}
		options = argv[i+1:]
	default:
		return argv[1:], false
	}
	agentServer := payload.Server{Name: payload.AgentServer}
	user := cmp.Or(os.Getenv(payload.UserVariable), payload.User)
	return append([]string{"--user", user, "--", agentServer.Launcher()}, options...), false
}

// python becomes the server's Python: a script that somebody runs in a shell has
// no use for a process between the two. It returns only on failure.
func python(args []string) (status int, err error) {
	const program = payload.Bin + "/oh-python"
	err = syscall.Exec(program, slices.Concat([]string{program}, args), os.Environ())
	if status = statusCannotStart; errors.Is(err, fs.ErrNotExist) {
		status = statusNotFound
	}
	return status, fmt.Errorf("starting %s: %w", program, err)
}
