package command

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker/cli/cli/command"
	"github.com/docker/go-units"
	"github.com/spf13/cobra"
)

func newLs(dockerCLI command.Cli) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:        "ls",
		Aliases:    []string{"list"},
		SuggestFor: []string{"images"},
		Short:      "List payloads and runtime images",
		Long: `Lists the payloads and the runtime images that the engine has, each runtime
image below the payload whose layers it has on disk in common. OWN is what no
other image of the engine has: removing the image alone frees so much. "Built
upon" is what has further steps than 'docker openhands build' makes.

Filters with different names have to match all, of those with one name one is
enough. "base" takes a name, a repository or a pattern; "dangling" are images
without a name, "superseded" those that 'docker openhands prune' removes.`,
		Example: `  docker openhands ls --filter base=alpine --filter server=agent-server
  docker openhands ls --format 'table {{.Image}}\t{{.Base}}\t{{.Size}}'
  docker openhands ls --quiet --filter superseded=true`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			e, err := connect(cmd.Context(), dockerCLI)
			if err != nil {
				return err
			}
			inventory, err := e.Inventory(cmd.Context())
			if err != nil {
				return err
			}
			return o.writeInventory(dockerCLI.Out(), inventory.Select(inventory.Passes(o.filter.Value())))
		},
	}
	o.flags(cmd, "f")
	return cmd
}

func (o *listOptions) writeInventory(w io.Writer, inventory *engine.Inventory) error {
	if o.json {
		return document.Write(w, document.List{Inventory: inventory})
	}
	images := below(inventory)
	if o.forPrograms() {
		return o.write(w, images)
	}
	table := terminal.NewTable(w)
	if !o.noTrunc {
		table.Fit("ID", "TAGGED", "CONTAINERS")
	}
	table.Row("IMAGE", "BASE", "ID", "TAGGED", "SIZE", "OWN", "CONTAINERS")
	payloads := 0
	indent := map[string]string{} // of what is over a payload, by the payload's ID
	for _, img := range images {
		if img.Kind == payload.KindDeps {
			payloads++
			indent[img.ID] = "  "
		}
		writeImage(table, indent[img.Payload], img.Stored, o.noTrunc)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s and %s take %s (%s if they shared no layer)\n", count(payloads, "payload"),
		count(len(inventory.Images)-payloads, "runtime image"), units.HumanSize(float64(inventory.Bytes)), units.HumanSize(float64(inventory.Unshared)))
	return err
}

// below orders images as they are shown: each below its payload, where that is
// shown, too.
func below(inventory *engine.Inventory) []engine.Superseded {
	shown := map[string]bool{}
	for _, img := range inventory.Images {
		shown[img.ID] = true
	}
	var ordered []engine.Superseded
	for _, img := range inventory.Images {
		if shown[img.Payload] {
			continue
		}
		ordered = append(ordered, engine.Superseded{Stored: img})
		if img.Kind != payload.KindDeps {
			continue
		}
		for _, over := range inventory.Images {
			if over.Payload == img.ID {
				ordered = append(ordered, engine.Superseded{Stored: over})
			}
		}
	}
	return ordered
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

func writeImage(table *terminal.Table, indent string, img engine.Stored, whole bool) {
	first, further := nameOf(img), []string(nil)
	if len(img.References) > 1 {
		further = img.References[1:]
	}
	base := img.Base
	if img.Kind == payload.KindDeps {
		base = "(payload)"
	}
	if img.Derived {
		base += ", built upon"
	}
	table.Row(indent+first, base, imageID(img.ID, !whole), ago(img.Tagged),
		units.HumanSize(float64(img.Size)), units.HumanSize(float64(img.Own)), strconv.Itoa(img.Containers))
	for _, ref := range further {
		table.Row(indent+ref, "", "", "", "", "", "")
	}
}

// nameOf is the first name of an image, as docker shows one that has none.
func nameOf(img engine.Stored) string {
	if len(img.References) == 0 {
		return "<none>"
	}
	return img.References[0]
}

func ago(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return units.HumanDuration(time.Since(t)) + " ago"
}
