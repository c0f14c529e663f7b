package client

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// gitScripts are part of OpenHands' sources in the sandbox. OpenHands runs them
// with the Python of the user.
const gitScripts = "python3 /openhands/code/openhands/runtime/utils/"

// GitChange is a file that differs from the origin's.
type GitChange struct {
	Status string `json:"status"` // A, M or D
	Path   string `json:"path"`
}

// GitChanges lists what has changed in the repository at dir and in those in
// its folders, sorted by path.
func (c *Client) GitChanges(ctx context.Context, dir string) ([]GitChange, error) {
	output, err := c.git(ctx, dir, gitScripts+"git_changes.py")
	if err != nil {
		return nil, err
	}
	var failed struct{ Error string }
	if json.Unmarshal([]byte(output), &failed) == nil {
		return nil, fmt.Errorf("git changes of %s: %s", dir, failed.Error)
	}
	var changes []GitChange
	if err := json.Unmarshal([]byte(output), &changes); err != nil {
		return nil, fmt.Errorf("git changes of %s: %q: %w", dir, output, err)
	}
	return changes, nil
}

// GitDiff is a text file as it is, and as the origin has it.
type GitDiff struct{ Modified, Original string }

// GitDiff compares a file of the repository around dir with the origin's.
func (c *Client) GitDiff(ctx context.Context, dir, file string) (GitDiff, error) {
	quoted := "'" + strings.ReplaceAll(file, "'", `'"'"'`) + "'"
	output, err := c.git(ctx, dir, gitScripts+"git_diff.py "+quoted)
	var diff GitDiff
	if err != nil {
		return diff, err
	}
	if err := json.Unmarshal([]byte(output), &diff); err != nil {
		return diff, fmt.Errorf("git diff of %s: %q: %w", file, output, err)
	}
	return diff, nil
}

// GitBranch names the branch that the repository at dir is on.
func (c *Client) GitBranch(ctx context.Context, dir string) (string, error) {
	return c.git(ctx, dir, "git branch --show-current")
}

func (c *Client) git(ctx context.Context, dir, line string) (string, error) {
	result, err := c.RunAgain(ctx, Command{Line: line, Dir: dir})
	if err != nil {
		return "", err
	}
	output := strings.TrimSpace(result.Output)
	if result.ExitCode != 0 {
		return "", fmt.Errorf("%s in %s: exit status %d: %s", line, dir, result.ExitCode, output)
	}
	return output, nil
}
