package lab

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// urootModule is where u-root's commands come from, in the version that this
// project requires.
const urootModule = "github.com/u-root/u-root"

// urootCommands are those that the base has, in /bin. gosh is its /bin/sh too.
var urootCommands = []string{
	"cat", "chmod", "cp", "date", "dd", "df", "du", "echo", "false", "find", "gosh", "grep", "gzip", "head", "hostname", "id",
	"kill", "ln", "ls", "mkdir", "mv", "printenv", "ps", "pwd", "readlink", "rm", "sleep", "sort", "tail", "tar", "tee",
	"touch", "true", "uname", "wc", "which",
}

// urootRoot returns the directory of a root file system of u-root's commands,
// for this machine's architecture and for reading only: static programs written
// in Go, without a C library, BusyBox, accounts or a shell of POSIX. It is built
// from the Go module proxy once and kept in the user's cache folder.
func urootRoot(ctx context.Context, log io.Writer) (string, error) {
	version, err := output(exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", urootModule))
	if err != nil {
		return "", fmt.Errorf("finding the version of u-root: %w", err)
	}
	version = strings.TrimSpace(version)
	list := sha256.Sum256([]byte(strings.Join(urootCommands, " ")))
	return cachedRoot(fmt.Sprintf("u-root-%s-%s-%x", version, runtime.GOARCH, list[:4]), func(dir string) error {
		fmt.Fprintf(log, "bases: building %d commands of u-root %s\n", len(urootCommands), version)
		bin := filepath.Join(dir, "bin")
		args := []string{"install", "-trimpath", "-ldflags", "-s -w"}
		for _, name := range urootCommands {
			args = append(args, urootModule+"/cmds/core/"+name+"@"+version)
		}
		build := exec.CommandContext(ctx, "go", args...)
		build.Env = append(os.Environ(), "GOBIN="+bin, "CGO_ENABLED=0", "GOFLAGS=")
		if _, err := output(build); err != nil {
			return err
		}
		return os.Symlink("gosh", filepath.Join(bin, "sh"))
	})
}

// uroot makes an image of u-root's commands.
func (m *maker) uroot(ctx context.Context, b base) error {
	root, err := urootRoot(ctx, m.log)
	if err != nil {
		return err
	}
	if err := b.importTree(ctx, root); err != nil {
		return err
	}
	fmt.Fprintf(m.log, "bases: %s is made of u-root's commands\n", b.ref)
	return nil
}
