package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/pins"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/request"
	"github.com/docker-openhands/docker-openhands/cli-plugin/state"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/templates"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

// lockOptions say which pins are made anew.
type lockOptions struct {
	folder  string // empty: the current one, or the user's for a release
	server  string // of the release
	version string // the one release whose lock is made; empty: all pins
}

func newDepsLock(dockerCLI command.Cli) *cobra.Command {
	var o lockOptions
	var check, asJSON bool
	cmd := &cobra.Command{
		Use:   "lock [FOLDER]",
		Short: "Refresh what components pin, and show the difference",
		Long: `Makes the files anew in which components pin versions and hashes of packages:
requirements.txt and the locks of releases from pyproject.toml with uv,
archives.sha512, package.json where it follows an archive, and package-lock.json
with npm. FOLDER, by default the current one, is a checkout of this project, a
folder of components or one component. The components that are built into the
plugin cannot be changed. The clients have your own settings of uv and npm and
none of FOLDER's: where packages come from is not a component's to say. Debian's
packages are not pinned: a build installs those of the builder base's suite.

With --openhands-version it is the lock of that release of the server, and no
other file: your own, which 'docker openhands build --openhands-version' takes
from then on, or that of the component in FOLDER. It has no newer packages than
the newest release that the plugin has a lock for.`,
		Example: `  docker openhands deps lock
  docker openhands deps lock --check --json components/ffmpeg
  docker openhands deps lock --server agent-server --openhands-version 1.52.0`,
		Args: arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.folder = strings.Join(args, "")
			if o.version == "" && cmd.Flags().Changed("server") {
				return problem.Usagef("--server has no meaning without --openhands-version")
			}
			if o.version != "" && !templates.IsRelease(o.version) {
				return problem.Usagef("--openhands-version is %q, not a version such as 1.34.0", o.version)
			}
			var files []pins.File
			err := meanwhile(dockerCLI, "asking for the newest versions", func() (err error) {
				files, err = o.refresh(cmd.Context(), !check)
				return err
			})
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
	f := cmd.Flags()
	f.StringVar(&o.server, "server", plan.DefaultServer, "Server whose release --openhands-version is")
	f.StringVar(&o.version, "openhands-version", "", "Make the lock of this release of the server, and no other file")
	f.BoolVar(&check, "check", false, "Change nothing, and fail where there is something newer")
	f.BoolVar(&asJSON, "json", false, "Print JSON")
	annotate(f, map[string]facts{"server": {suggests: suggestServers}, "openhands-version": {suggests: suggestReleases}})
	return cmd
}

// refresh makes all the pins anew before it writes any of them.
func (o lockOptions) refresh(ctx context.Context, write bool) (files []pins.File, err error) {
	work, remove, err := state.WorkFolder()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if files, err = o.renewed(ctx, work); err != nil {
		return nil, err
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

// renewed makes pins anew below work.
func (o lockOptions) renewed(ctx context.Context, work string) ([]pins.File, error) {
	if o.version != "" && o.folder == "" {
		file, err := request.Lock(ctx, o.server, o.version, work)
		return []pins.File{file}, err
	}
	components, err := pins.Find(cmp.Or(o.folder, "."))
	if err != nil {
		return nil, err
	}
	if o.version != "" {
		components = slices.DeleteFunc(components, func(dir string) bool { return !pins.HasReleases(dir) })
		if len(components) != 1 {
			return nil, problem.Usagef("%s has %d components with locks of releases, not one", o.folder, len(components))
		}
		file, err := pins.Release(ctx, components[0], "", o.version, work)
		return []pins.File{file}, err
	}
	files := []pins.File{} // none is no null in JSON
	for _, component := range components {
		found, err := pins.Refresh(ctx, component, work)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
}

func writePins(w io.Writer, files []pins.File) error {
	table := terminal.NewTable(w)
	table.Row("FILE", "PACKAGE", "OLD", "NEW")
	for _, f := range files {
		for _, c := range f.Changes {
			table.Row(f.Path, c.Package, orNone(c.Old), orNone(c.New))
		}
		switch {
		case !f.Changed:
			table.Row(f.Path, "(all)", "newest", "")
		case len(f.Changes) == 0:
			table.Row(f.Path, "(hashes)", "", "other")
		}
	}
	return table.Flush()
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
