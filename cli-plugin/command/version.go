package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/buildx"
	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/request"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/templates"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

// Release is what this program was built from. Commit is empty where it is not
// known.
type Release struct {
	Version string
	Commit  string
}

func newVersion(dockerCLI command.Cli, own Release) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of plugin, OpenHands, engine and buildx",
		Long: `Prints the versions of the plugin, of the servers that payloads can be made
with, and of the engine and the buildx that are found. It is no failure to find
none.`,
		Example: "  docker openhands version --json",
		Args:    arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			program, err := describeProgram(cmd.Context(), dockerCLI, own)
			if err != nil {
				return err
			}
			if asJSON {
				return document.Write(dockerCLI.Out(), program)
			}
			return writeProgram(dockerCLI.Out(), program)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	return cmd
}

// versionPatience is how long the engine may take to say what it is.
const versionPatience = 3 * time.Second

// describeProgram finds out the rest while it waits for the engine.
func describeProgram(ctx context.Context, dockerCLI command.Cli, own Release) (document.Program, error) {
	type answer struct {
		engine *document.Found
		err    error
	}
	asked := make(chan answer, 1)
	go func() {
		found, err := findEngine(ctx, dockerCLI)
		asked <- answer{found, err}
	}()
	servers, err := releases()
	if err != nil {
		return document.Program{}, err
	}
	program := document.Program{
		Version: own.Version, Commit: own.Commit, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Servers: servers, Problems: map[string]string{},
	}
	if program.Buildx, err = findBuildx(dockerCLI); err != nil {
		program.Problems["buildx"] = missing(err)
	}
	found := <-asked
	if program.Engine = found.engine; found.err != nil {
		program.Problems["engine"] = missing(found.err)
	}
	return program, ctx.Err()
}

// missing says what is not there, without why and what to do.
func missing(err error) string {
	var p *problem.Error
	if errors.As(err, &p) {
		return p.Summary
	}
	return err.Error()
}

// releases are those of all servers, the user's own locks among them.
func releases() ([]document.ServerReleases, error) {
	components, err := request.Components(nil)
	if err != nil {
		return nil, err
	}
	servers := []document.ServerReleases{}
	for _, server := range payload.Servers() {
		versions, _ := templates.Releases(components, server.Name)
		slices.Reverse(versions)
		if len(versions) > 0 {
			servers = append(servers, document.ServerReleases{Name: server.Name, Newest: versions[0], Releases: versions})
		}
	}
	return servers, nil
}

func findEngine(ctx context.Context, dockerCLI command.Cli) (*document.Found, error) {
	ctx, cancel := context.WithTimeout(ctx, versionPatience)
	defer cancel()
	api, err := engineAPI(dockerCLI)
	if err != nil {
		return nil, err
	}
	version, platform, err := engine.Version(ctx, api)
	if err != nil {
		return nil, err
	}
	return &document.Found{Version: version, Platform: platform}, nil
}

func findBuildx(dockerCLI command.Cli) (*document.Found, error) {
	version, path, err := (&buildx.Client{CLI: dockerCLI}).Find()
	if err != nil {
		return nil, err
	}
	return &document.Found{Version: version, Path: path}, nil
}

// writeOwnVersion prints what --version does: one line, without asking anybody.
func writeOwnVersion(w io.Writer, own Release) error {
	servers, err := releases()
	if err != nil {
		return err
	}
	var newest []string
	for _, server := range servers {
		newest = append(newest, server.Name+" "+server.Newest)
	}
	_, err = fmt.Fprintf(w, "docker-openhands %s (%s)\n", own.Version, strings.Join(newest, ", "))
	return err
}

func writeProgram(w io.Writer, p document.Program) error {
	table := terminal.NewTable(w)
	plugin := p.Version
	if p.Commit != "" {
		plugin += ", commit " + p.Commit[:min(12, len(p.Commit))]
	}
	table.Row("docker-openhands", fmt.Sprintf("%s, %s, %s", plugin, p.Go, p.Platform))
	for _, server := range p.Servers {
		text := server.Newest
		if older := len(server.Releases) - 1; older > 0 {
			text += fmt.Sprintf(", and %s back to %s", count(older, "older release"), server.Releases[older])
		}
		table.Row(server.Name, text)
	}
	found := func(name string, f *document.Found, about string) {
		switch {
		case f == nil:
			table.Row(name, "none: "+oneLine(p.Problems[name], false))
		default:
			table.Row(name, f.Version+", "+about)
		}
	}
	about := ""
	if p.Engine != nil {
		about = p.Engine.Platform
	}
	found("engine", p.Engine, about)
	if p.Buildx != nil {
		about = homely(p.Buildx.Path)
	}
	found("buildx", p.Buildx, about)
	return table.Flush()
}
