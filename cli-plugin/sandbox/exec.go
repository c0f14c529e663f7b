package sandbox

import (
	"context"
	"fmt"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// exec runs argv in the server's container as user, empty for the server's
// own, and returns its exit status and the end of what it printed. It is given
// up, not ended, after limit.
func (s *Server) exec(ctx context.Context, user string, argv []string, limit time.Duration) (status int, output string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no end after %s", limit))
	defer cancel()
	fail := func(err error) (int, string, error) {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return -1, "", err
	}
	created, err := s.engine.API.ExecCreate(ctx, s.ID, client.ExecCreateOptions{
		User: user, Cmd: argv, WorkingDir: payload.Workspace, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return fail(fmt.Errorf("preparing %s: %w", argv[0], err))
	}
	attached, err := s.engine.API.ExecAttach(ctx, created.ID, client.ExecAttachOptions{})
	if err != nil {
		return fail(fmt.Errorf("running %s: %w", argv[0], err))
	}
	defer attached.Close()
	defer context.AfterFunc(ctx, attached.Close)()
	var said engine.Tail
	if _, err := stdcopy.StdCopy(&said, &said, attached.Reader); err != nil {
		return fail(fmt.Errorf("reading what %s says: %w", argv[0], err))
	}
	ended, err := s.engine.API.ExecInspect(ctx, created.ID, client.ExecInspectOptions{})
	if err != nil {
		return fail(fmt.Errorf("reading the exit status of %s: %w", argv[0], err))
	}
	return ended.ExitCode, said.String(), nil
}
