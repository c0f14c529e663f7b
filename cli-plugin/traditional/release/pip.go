package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// pips are the ways to call pip, tried in this order.
var pips = [][]string{{"python3", "-m", "pip"}, {"pip3"}, {"pip"}, {"uvx", "pip"}}

// download has pip fetch the release into a new folder inside scratch and
// returns the archive: the source distribution, or the wheel of a release that
// has no other. pip's own settings and its mirror apply.
func (r Release) download(ctx context.Context, scratch string) (string, error) {
	pip, err := findPip(ctx, scratch)
	if err != nil {
		return "", err
	}
	// Python's version does not matter: nothing of the release is run here.
	source, err := r.try(ctx, pip, scratch, "source", "--no-binary", ":all:", "--ignore-requires-python")
	if err == nil || ctx.Err() != nil {
		return source, err
	}
	wheel, wheelErr := r.try(ctx, pip, scratch, "wheel", "--only-binary", ":all:", "--python-version", "3.12")
	if wheelErr != nil {
		return "", err
	}
	return wheel, nil
}

func (r Release) try(ctx context.Context, pip []string, scratch, kind string, flags ...string) (string, error) {
	requirement := project + "==" + r.Version
	for _, hash := range r.Hashes {
		requirement += " --hash=sha256:" + hash
	}
	requirements := filepath.Join(scratch, kind+".txt")
	if err := os.WriteFile(requirements, []byte(requirement+"\n"), 0o600); err != nil {
		return "", err
	}
	to := filepath.Join(scratch, kind)
	args := append(pip[1:len(pip):len(pip)], "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement", requirements, "--dest", to)
	if len(r.Hashes) > 0 {
		args = append(args, "--require-hashes")
	}
	cmd := exec.CommandContext(ctx, pip[0], append(args, flags...)...)
	cmd.Dir = scratch
	cmd.Env = append(os.Environ(), "TMPDIR="+scratch)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s download: %w: %s", strings.Join(pip, " "), err, lastError(stderr.String()))
	}
	return only(to)
}

// lastError is what pip says last of its failure.
func lastError(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if message, ok := strings.CutPrefix(lines[i], "ERROR: "); ok {
			return message
		}
	}
	return lines[len(lines)-1]
}

func findPip(ctx context.Context, scratch string) ([]string, error) {
	for _, pip := range pips {
		cmd := exec.CommandContext(ctx, pip[0], append(pip[1:len(pip):len(pip)], "--version")...)
		cmd.Dir = scratch
		if cmd.Run() == nil {
			return pip, nil
		}
	}
	return nil, errors.Join(errors.New("there is no pip on this machine"), ctx.Err())
}
