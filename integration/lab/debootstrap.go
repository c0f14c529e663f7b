package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// debootstrap makes a minimal Debian root file system for an architecture (GOARCH
// form, which is Debian's) in root from the first of this machine's mirrors that has the suite, and returns that mirror.
func debootstrap(ctx context.Context, suite, goarch, root string, log io.Writer) (string, error) {
	if !findProgram("debootstrap") {
		if err := aptInstall(ctx, log, "debootstrap"); err != nil {
			return "", err
		}
	}
	mirrors, err := aptMirrors(os.DirFS("/etc/apt"))
	if err != nil {
		return "", err
	}
	var failures []error
	for _, mirror := range mirrors {
		fmt.Fprintf(log, "bases: debootstrap of %s, a minute or two\n", suite)
		if err := emptyFolder(root); err != nil {
			return "", err
		}
		cmd := exec.CommandContext(ctx, "debootstrap", "--arch", goarch, "--variant=minbase", suite, root, mirror)
		cmd.Env = append(os.Environ(), aptProxy(ctx)...)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			failures = append(failures, fmt.Errorf("debootstrap of %s: %w: %s", suite, err, lastLine(out.String())))
			continue
		}
		return mirror, prune(root)
	}
	return "", errors.Join(failures...)
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// aptProxy returns apt's own proxy as the environment that debootstrap reads.
func aptProxy(ctx context.Context) []string {
	out, err := output(exec.CommandContext(ctx, "apt-config", "shell", "http_proxy", "Acquire::http::Proxy"))
	name, value, ok := strings.Cut(out, "=")
	if err != nil || !ok {
		return nil
	}
	return []string{name + "=" + strings.Trim(value, "'")}
}

// prune removes what an image of Debian does not carry: downloaded packages
// and package lists.
func prune(root string) error {
	for _, dir := range []string{"var/cache/apt/archives", "var/lib/apt/lists"} {
		if err := emptyFolder(filepath.Join(root, dir)); err != nil {
			return err
		}
	}
	return nil
}

func emptyFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("emptying a folder: %w", err)
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return fmt.Errorf("emptying a folder: %w", err)
		}
	}
	return nil
}

// importTree makes the base's image of a root file system on disk.
func (b base) importTree(ctx context.Context, root string) error {
	tar := exec.CommandContext(ctx, "tar", "--numeric-owner", "-C", root, "-c", ".")
	load := Engine{}.Command(ctx, append(append([]string{"import"}, b.changes()...), "-", b.ref)...)
	pipe, err := tar.StdoutPipe()
	if err != nil {
		return err
	}
	load.Stdin = pipe
	if err := tar.Start(); err != nil {
		return fmt.Errorf("packing %s: %w", b.ref, err)
	}
	_, loadErr := output(load)
	return errors.Join(loadErr, tar.Wait())
}
