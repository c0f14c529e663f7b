package pins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// installs says how to come by each client.
var installs = map[string]string{
	"uv":  "Install uv, for example with 'pip install uv'",
	"npm": "Install Node.js with npm",
}

// run runs a client in dir and returns what it prints.
func run(ctx context.Context, dir, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, problem.New(problem.NoLock, program+" is not on this machine", nil, installs[program])
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, problem.New(problem.NoLock, program+" finds no versions that go together", fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String())),
			"See that the registry and what the component asks for are right")
	}
	return stdout.Bytes(), nil
}
