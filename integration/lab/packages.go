package lab

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// DebianPackages returns a directory with the unpacked, not installed, files
// of packages of a Debian suite for an architecture of Debian's name. It is
// for reading only, made once and kept in the user's cache folder. The links
// of a merged /usr are there.
func DebianPackages(ctx context.Context, suite, arch string, log io.Writer, packages ...string) (string, error) {
	list := sha256.Sum256([]byte(strings.Join(packages, " ")))
	return cachedRoot(fmt.Sprintf("%s-%s-%x", suite, arch, list[:4]), func(dir string) error {
		fmt.Fprintf(log, "packages: downloading %s of %s for %s\n", strings.Join(packages, ", "), suite, arch)
		work, err := os.MkdirTemp("", "oh-lab-apt-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(work)
		if err := downloadPackages(ctx, work, suite, arch, packages); err != nil {
			return err
		}
		found, err := filepath.Glob(filepath.Join(work, "*.deb"))
		if err != nil {
			return err
		}
		for _, file := range found {
			if _, err := output(exec.CommandContext(ctx, "dpkg-deb", "--extract", file, dir)); err != nil {
				return err
			}
		}
		return mergeUsr(dir)
	})
}

func downloadPackages(ctx context.Context, work, suite, arch string, packages []string) error {
	mirrors, err := aptMirrors(os.DirFS("/etc/apt"))
	if err != nil {
		return err
	}
	config := filepath.Join(work, "apt.conf")
	if err := writePrivateApt(work, config, fmt.Sprintf("deb [arch=%s] %s %s main\n", arch, mirrors[0], suite)); err != nil {
		return err
	}
	for _, args := range [][]string{{"update"}, append([]string{"download"}, packages...)} {
		cmd := apt(ctx, append([]string{"-o", "APT::Architecture=" + arch, "-o", "APT::Architectures=" + arch, "-o", "Acquire::Languages=none"}, args...)...)
		cmd.Dir = work
		cmd.Env = append(cmd.Env, "APT_CONFIG="+config)
		if _, err := output(cmd); err != nil {
			return err
		}
	}
	return nil
}

// mergeUsr makes the links of the package base-files that are missing.
func mergeUsr(dir string) error {
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			continue
		}
		if err := os.Symlink(filepath.Join("usr", name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
