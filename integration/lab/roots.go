package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// DebianRoot returns the directory of a minimal root file system of a Debian
// suite, for this machine's architecture and for reading only. It is made once
// and kept in the user's cache folder: taken out of the engine's image of the
// suite where there is one, else made by debootstrap.
func DebianRoot(ctx context.Context, suite string, log io.Writer) (string, error) {
	return cachedRoot(suite, func(dir string) error {
		for _, b := range bases() {
			if b.suite == suite && b.shape == nil && (Engine{}).HasImage(ctx, b.ref) {
				return ExportImage(ctx, b.ref, dir)
			}
		}
		_, err := debootstrap(ctx, suite, runtime.GOARCH, dir, log)
		return err
	})
}

// EmulatedRoot is like DebianRoot for an architecture that this machine emulates.
func EmulatedRoot(ctx context.Context, suite, goarch string, log io.Writer) (string, error) {
	if err := Emulate(ctx, goarch, log); err != nil {
		return "", err
	}
	return cachedRoot(suite+"-"+goarch, func(dir string) error {
		_, err := debootstrap(ctx, suite, goarch, dir, log)
		return err
	})
}

// ArchiveRoot is like DebianRoot for a base that is kept as an archive.
func ArchiveRoot(ctx context.Context, archives, ref, goarch string) (string, error) {
	archive, err := Archive(archives, ref, goarch)
	if err != nil {
		return "", err
	}
	return cachedRoot(filepath.Base(archive), func(dir string) error {
		_, err := output(exec.CommandContext(ctx, "tar", "-xzf", archive, "-C", dir))
		return err
	})
}

// EnsureProgram installs a Debian package where its program, or the file of it
// that an absolute path names, is missing.
func EnsureProgram(ctx context.Context, log io.Writer, program, pkg string) error {
	if filepath.IsAbs(program) {
		if _, err := os.Stat(program); err == nil {
			return nil
		}
	} else if findProgram(program) {
		return nil
	}
	return aptInstall(ctx, log, pkg)
}

// cachedRoot returns the folder name below the cache of root file systems;
// where it is missing, fill makes it. Processes wait for each other.
func cachedRoot(name string, fill func(dir string) error) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache folder: %w", err)
	}
	roots := filepath.Join(cache, "docker-openhands-lab", "roots")
	if err := os.MkdirAll(roots, 0o755); err != nil {
		return "", fmt.Errorf("making the folder of root file systems: %w", err)
	}
	lock, err := os.Create(filepath.Join(roots, "."+name+".lock"))
	if err != nil {
		return "", fmt.Errorf("locking root file system %s: %w", name, err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("locking root file system %s: %w", name, err)
	}
	root := filepath.Join(roots, name)
	if _, err := os.Stat(root); err == nil {
		return root, nil
	}
	partial := root + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return "", err
	}
	if err := os.Mkdir(partial, 0o755); err != nil {
		return "", err
	}
	if err := fill(partial); err != nil {
		return "", fmt.Errorf("making root file system %s: %w", name, err)
	}
	return root, os.Rename(partial, root)
}

// ExportImage unpacks the file system of an image into a folder, which it makes
// where it is missing.
func ExportImage(ctx context.Context, ref, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	container, err := Engine{}.Docker(ctx, "create", ref, "true")
	if err != nil {
		return err
	}
	defer Engine{}.Docker(context.WithoutCancel(ctx), "rm", container)
	export := Engine{}.Command(ctx, "export", container)
	unpack := exec.CommandContext(ctx, "tar", "-x", "-C", dir)
	if unpack.Stdin, err = export.StdoutPipe(); err != nil {
		return err
	}
	if err := export.Start(); err != nil {
		return fmt.Errorf("exporting %s: %w", ref, err)
	}
	_, err = output(unpack)
	if waitErr := export.Wait(); err == nil && waitErr != nil {
		err = fmt.Errorf("exporting %s: %w", ref, waitErr)
	}
	return err
}
