package buildx

import (
	"bytes"
	"context"
	"os/exec"
	"regexp"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

const installBuildx = "Install a current one: on Debian and Ubuntu the package docker-buildx or docker-buildx-plugin, elsewhere see Docker's documentation of buildx"

// buildxOwnFile finds complaints about files of buildx itself: those of a step
// stand after what could not be solved.
var buildxOwnFile = regexp.MustCompile(`^(mkdir|open|failed to update builder) .*: (read-only file system|permission denied)$`)

// problem is the error of a buildx command that ended with err after it
// had said something.
func (c *Client) problem(ctx context.Context, buildx, command string, said saying, err error) error {
	cause := cmpText(said.text, err)
	switch {
	case strings.HasPrefix(cause.Error(), "no builder "):
		return problem.New(problem.NoBuildx, "the selected builder does not exist", cause,
			"Select another one of 'docker buildx ls' with 'docker buildx use', and correct or unset the variable BUILDX_BUILDER")
	case buildxOwnFile.MatchString(cause.Error()):
		return problem.New(problem.NotWritable, "buildx cannot write to docker's configuration folder", cause,
			"Let the variable BUILDX_CONFIG name a folder that can be written to")
	case !c.reportsProgress(ctx, buildx, command):
		return problem.New(problem.NoBuildx, "the docker buildx plugin at "+buildx+" is too old or does not work", cause, installBuildx)
	}
	next := "The failing step and its output are above; run again with --progress plain to see all of it"
	if said.log != "" {
		next = "All that the build said is in " + said.log
	}
	return problem.New(problem.BuildFailed, "the build failed", said.steps.cause(cause), next)
}

// reportsProgress reports whether a buildx command can report its progress to a
// program.
func (c *Client) reportsProgress(ctx context.Context, buildx, command string) bool {
	cmd := exec.CommandContext(ctx, buildx, command, "--help")
	cmd.Env = c.env()
	help, err := cmd.CombinedOutput()
	return err == nil && bytes.Contains(help, []byte("rawjson"))
}
