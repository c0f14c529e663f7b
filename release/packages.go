package main

import (
	"context"
	"path/filepath"
	"strconv"
)

// packages makes those of Debian's and Red Hat's kind from the folder stage, as
// nfpm.yaml says.
func (r release) packages(ctx context.Context, arch, stage, out string) error {
	variables := []string{
		"ARCH=" + arch, "VERSION=" + packageVersion(r.version), "STAGE=" + filepath.ToSlash(stage),
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(r.created.Unix(), 10),
	}
	for _, kind := range []string{"deb", "rpm"} {
		if err := r.command(ctx, variables, "go", "tool", "-modfile=tools/nfpm/go.mod", "nfpm", "package",
			"--config", "release/nfpm.yaml", "--packager", kind, "--target", out); err != nil {
			return err
		}
	}
	return nil
}
