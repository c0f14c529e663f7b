package command

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/sandbox"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/cli/opts"
	"github.com/spf13/cobra"
)

func newPs(dockerCLI command.Cli) *cobra.Command {
	var view viewOptions
	var all bool
	filter := opts.NewFilterOpt()
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List the servers that run has started",
		Long: `Lists the servers that "docker openhands run" has started, the newest first, and
where they are reached from this machine. Filters are those of "docker ps".`,
		Example: `  docker openhands ps
  docker openhands ps --all --filter name=alpine --format '{{.Name}} {{.Address}}'
  docker openhands ps --quiet`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := view.check(); err != nil {
				return err
			}
			e, err := connect(cmd.Context(), dockerCLI)
			if err != nil {
				return err
			}
			found, err := sandbox.List(cmd.Context(), e, all, filter.Value())
			if err != nil {
				return err
			}
			return writeServers(dockerCLI.Out(), found, view)
		},
	}
	view.flags(cmd, "server")
	cmd.Flags().BoolVarP(&all, "all", "a", false, "Also those that have ended")
	cmd.Flags().VarP(&filter, "filter", "f", "Only servers with NAME=VALUE, as for docker ps")
	return cmd
}

func writeServers(w io.Writer, found []sandbox.Listed, view viewOptions) error {
	switch {
	case view.json:
		return document.Write(w, document.Servers{Servers: found})
	case view.quiet:
		for _, s := range found {
			if _, err := fmt.Fprintln(w, terminal.Line(containerID(s.ID, !view.noTrunc))); err != nil {
				return err
			}
		}
		return nil
	case !view.isDefault():
		return formatServers(w, view.format, !view.noTrunc, found)
	}
	table := terminal.NewTable(w)
	if !view.noTrunc {
		table.Fit("CREATED", "SERVER")
		table.Keep("NAME", "ADDRESS")
	}
	table.Row("NAME", "IMAGE", "SERVER", "CREATED", "STATUS", "ADDRESS")
	for _, s := range found {
		table.Row(s.Name, s.Image, s.Server, ago(s.Created), s.Status, s.Address)
	}
	return table.Flush()
}

// serverContext is what --format of ps knows of a server.
type serverContext struct {
	formatter.HeaderContext
	s     sandbox.Listed
	trunc bool
}

func formatServers(w io.Writer, format string, trunc bool, found []sandbox.Listed) error {
	head := &serverContext{}
	head.Header = formatter.SubHeaderContext{
		"ID": "CONTAINER ID", "Name": "NAME", "Image": "IMAGE", "Server": "SERVER", "Created": "CREATED", "CreatedAt": "CREATED AT",
		"State": "STATE", "Status": "STATUS", "Address": "ADDRESS", "Ports": "PORTS",
	}
	rows := make([]formatter.SubContext, len(found))
	for i, s := range found {
		rows[i] = &serverContext{s: s, trunc: trunc}
	}
	return writeRows(formatter.Context{Output: w, Format: formatter.Format(format), Trunc: trunc}, head, rows)
}

func (c *serverContext) MarshalJSON() ([]byte, error) { return formatter.MarshalJSON(c) }

func (c *serverContext) ID() string        { return terminal.Line(containerID(c.s.ID, c.trunc)) }
func (c *serverContext) Name() string      { return terminal.Line(c.s.Name) }
func (c *serverContext) Image() string     { return terminal.Line(c.s.Image) }
func (c *serverContext) Server() string    { return terminal.Line(c.s.Server) }
func (c *serverContext) Created() string   { return ago(c.s.Created) }
func (c *serverContext) CreatedAt() string { return c.s.Created.Format(time.RFC3339) }
func (c *serverContext) State() string     { return terminal.Line(c.s.State) }
func (c *serverContext) Status() string    { return terminal.Line(c.s.Status) }
func (c *serverContext) Address() string   { return terminal.Line(c.s.Address) }
func (c *serverContext) Ports() string     { return terminal.Line(strings.Join(c.s.Ports, ", ")) }

// containerID is a container's ID, whole or as docker shows it.
func containerID(id string, trunc bool) string {
	if trunc {
		return engine.ShortContainerID(id)
	}
	return id
}
