package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/docker-openhands/docker-openhands/integration/lab"
)

const prefix = "/openhands"

// sealing edits Chromium, the largest program of a payload: on the file system
// of the temporary folder, and on one whose files can share blocks.
func (b *bench) sealing(ctx context.Context) error {
	if err := ensure(ctx, map[string]string{"patchelf": "patchelf", "mkfs.xfs": "xfsprogs", "time": "time"}); err != nil {
		return err
	}
	packages, err := lab.DebianPackages(ctx, "trixie", "amd64", os.Stderr, "chromium")
	if err != nil {
		return err
	}
	original := filepath.Join(packages, "usr/lib/chromium/chromium")
	info, err := os.Stat(original)
	if err != nil {
		return err
	}
	xfs, unmount, err := b.xfs(ctx)
	if err != nil {
		return err
	}
	defer unmount()
	tree := func(dir string) (root, file string, fresh func() error) {
		root = filepath.Join(dir, "tree")
		file = filepath.Join(root, prefix, "chromium")
		return root, file, func() error {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				return err
			}
			if err := command(ctx, "cp", original, file); err != nil {
				return err
			}
			// Who edits a page that is on its way to the disk waits.
			return command(ctx, "sync", file)
		}
	}
	root, file, fresh := tree(b.work)
	shared, _, freshShared := tree(xfs)
	copied := filepath.Join(b.work, "copy")
	candidates := []candidate{
		{"`oh-bundle seal --in-place`", fresh, []string{b.bundle, "seal", "--in-place", "--arch", "amd64", root}},
		{"`oh-bundle seal`", fresh, []string{b.bundle, "seal", "--arch", "amd64", root}},
		{"`oh-bundle seal`, XFS", freshShared, []string{b.bundle, "seal", "--arch", "amd64", shared}},
		{"`cp --reflink=never`, for comparison", func() error { return os.RemoveAll(copied) }, []string{"cp", "--reflink=never", original, copied}},
		{"`patchelf`", fresh, []string{"patchelf", "--set-interpreter", prefix + "/lib/ld.so", "--force-rpath", "--set-rpath", prefix + "/lib", file}},
	}
	costs, err := b.compare(ctx, 7, candidates)
	if err != nil {
		return err
	}
	fmt.Fprintf(&b.report, "\n## Sealing Chromium\n\nThe program of Debian's package chromium, %.0f MB, in the page cache: a new interpreter and a search path. "+
		"Medians and least times of 7 runs; memory is the largest resident set.\n", float64(info.Size())/1e6)
	b.table(candidates, costs)
	b.report.WriteString("\nWithout `--in-place` the file is replaced by an edited copy, so that nobody ever sees half an edit. " +
		"The copy is nearly all of the time, and on ext4 its way to the disk, which begins when a file takes another's place; " +
		"it costs nothing where the file system lets both share their blocks (XFS, Btrfs). " +
		"A whole copy within 50 ms is out of reach here: the bare copy alone takes longer. " +
		"Exchanging the two names (RENAME_EXCHANGE) and removing the old file would spare the wait, and with it what ext4 does so that a power failure does not leave an empty file. " +
		"`oh-bundle component` edits in place: its tree is its own.\n")
	return nil
}

// xfs returns a folder on an XFS in a file.
func (b *bench) xfs(ctx context.Context) (string, func(), error) {
	image, dir := filepath.Join(b.work, "xfs.img"), filepath.Join(b.work, "xfs")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", nil, err
	}
	for _, argv := range [][]string{
		{"truncate", "-s", "2G", image},
		{"mkfs.xfs", "-q", "-m", "reflink=1", image},
		{"mount", "-o", "loop", image, dir},
	} {
		if err := command(ctx, argv...); err != nil {
			return "", nil, err
		}
	}
	return dir, func() { command(context.WithoutCancel(ctx), "umount", dir) }, nil
}

func command(ctx context.Context, argv ...string) error {
	if text, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%q: %w: %s", argv, err, text)
	}
	return nil
}
