package lab

import (
	"context"
	_ "embed" // scripts
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// shape turns a root file system of Debian into one that is like another
// distribution's in what matters to a base.
type shape struct {
	script   string   // runs inside the root
	packages []string // of Debian, unpacked into the root before
}

var (
	//go:embed shapes/el.sh
	elScript string
	//go:embed shapes/ubuntu.sh
	ubuntuScript string
)

// shaped makes an image that stands in for a distribution whose own cannot be
// had here.
func (m *maker) shaped(ctx context.Context, b base) error {
	suite, err := DebianRoot(ctx, b.suite, m.log)
	if err != nil {
		return err
	}
	trees := []string{suite}
	if len(b.shape.packages) > 0 {
		unpacked, err := DebianPackages(ctx, b.suite, runtime.GOARCH, m.log, b.shape.packages...)
		if err != nil {
			return err
		}
		trees = append(trees, unpacked)
	}
	root, err := os.MkdirTemp("", "oh-lab-shape-")
	if err != nil {
		return fmt.Errorf("making a folder for %s: %w", b.ref, err)
	}
	defer os.RemoveAll(root)
	if err := os.Chmod(root, 0o755); err != nil {
		return err
	}
	for _, tree := range trees {
		if err := addTree(ctx, tree, root); err != nil {
			return err
		}
	}
	change := exec.CommandContext(ctx, "chroot", root, "/bin/sh")
	change.Env = []string{"PATH=" + defaultPath}
	change.Stdin = strings.NewReader(b.shape.script)
	if _, err := output(change); err != nil {
		return err
	}
	if err := b.importTree(ctx, root); err != nil {
		return err
	}
	fmt.Fprintf(m.log, "bases: %s is made of Debian's %s to look like what its name says\n", b.ref, b.suite)
	return nil
}

// addTree copies a tree into root and, unlike cp, through the links of root's
// merged /usr.
func addTree(ctx context.Context, tree, root string) error {
	pack := exec.CommandContext(ctx, "tar", "--numeric-owner", "-C", tree, "-c", ".")
	unpack := exec.CommandContext(ctx, "tar", "--numeric-owner", "--keep-directory-symlink", "-C", root, "-xp")
	var err error
	if unpack.Stdin, err = pack.StdoutPipe(); err != nil {
		return err
	}
	if err := pack.Start(); err != nil {
		return fmt.Errorf("packing %s: %w", tree, err)
	}
	_, err = output(unpack)
	return errors.Join(err, pack.Wait())
}
