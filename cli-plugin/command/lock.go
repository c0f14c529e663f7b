package command

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/pins"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

func newDepsLock(dockerCLI command.Cli) *cobra.Command {
	var check, asJSON bool
	cmd := &cobra.Command{
		Use:   "lock [FOLDER]",
		Short: "Refresh what components pin, and show the difference",
		Long: `Makes the files anew in which components pin versions and hashes of packages:
requirements.txt from pyproject.toml with uv, archives.sha512, package.json where
it follows an archive, and package-lock.json with npm. FOLDER, by default the current one, is a checkout of
this project, a folder of components or one component. The components that are
built into the plugin cannot be changed. The clients have your own settings of
uv and npm and none of FOLDER's: where packages come from is not a component's to
say. Debian's packages are not pinned: a build installs those of the builder
base's suite.`,
		Example: `  docker openhands deps lock
  docker openhands deps lock --check --json components/ffmpeg`,
		Args: arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			folder := "."
			if len(args) > 0 {
				folder = args[0]
			}
			files, err := refreshPins(cmd.Context(), folder, !check)
			if err != nil {
				return err
			}
			if asJSON {
				err = document.Write(dockerCLI.Out(), document.Pins{Files: files, Written: !check})
			} else {
				err = writePins(dockerCLI.Out(), files)
			}
			if err != nil || !check {
				return err
			}
			return upToDate(files)
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "Change nothing, and fail where there is something newer")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	return cmd
}

// refreshPins makes the pins of all components in folder anew before it writes
// any of them.
func refreshPins(ctx context.Context, folder string, write bool) (files []pins.File, err error) {
	components, err := pins.Find(folder)
	if err != nil {
		return nil, err
	}
	work, remove, err := state.WorkFolder()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	files = []pins.File{} // none is no null in JSON
	for _, component := range components {
		found, err := pins.Refresh(ctx, component, work)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	for _, f := range files {
		if write && f.Changed {
			if err := f.Write(); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

func writePins(w io.Writer, files []pins.File) error {
	table := newTable(w)
	table.row("FILE", "PACKAGE", "OLD", "NEW")
	for _, f := range files {
		for _, c := range f.Changes {
			table.row(f.Path, c.Package, orNone(c.Old), orNone(c.New))
		}
		switch {
		case !f.Changed:
			table.row(f.Path, "(all)", "newest", "")
		case len(f.Changes) == 0:
			table.row(f.Path, "(hashes)", "", "other")
		}
	}
	return table.flush()
}

func orNone(version string) string {
	if version == "" {
		return "none"
	}
	return version
}

func upToDate(files []pins.File) error {
	n := 0
	for _, f := range files {
		if f.Changed {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return problem.New(problem.Outdated, fmt.Sprintf("%d of %d files with pins are not the newest", n, len(files)), nil,
		"Run 'docker openhands deps lock', build and test")
}
