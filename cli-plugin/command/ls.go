package command

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker/cli/cli/command"
	"github.com/docker/go-units"
	"github.com/spf13/cobra"
)

func newLs(dockerCLI command.Cli) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:        "ls",
		Aliases:    []string{"list"},
		SuggestFor: []string{"images", "ps"},
		Short:      "List payloads and runtime images",
		Long: `Lists the payloads and the runtime images that the engine has, each runtime image
below the payload whose layers it has on disk in common. OWN is what no other
image of the engine has: removing the image alone frees so much. "Built upon" is
what has further steps than 'docker openhands build' makes.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := connect(cmd.Context(), dockerCLI)
			if err != nil {
				return err
			}
			inventory, err := e.Inventory(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(dockerCLI.Out(), inventory)
			}
			return writeInventory(dockerCLI.Out(), inventory)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	return cmd
}

func writeInventory(w io.Writer, inventory *engine.Inventory) error {
	table := newTable(w)
	table.row("IMAGE", "BASE", "ID", "TAGGED", "SIZE", "OWN", "CONTAINERS")
	payloads := 0
	for _, img := range inventory.Images {
		if img.Payload != "" {
			continue
		}
		writeImage(table, "", img)
		if img.Kind != payload.KindDeps {
			continue
		}
		payloads++
		for _, over := range inventory.Images {
			if over.Payload == img.ID {
				writeImage(table, "  ", over)
			}
		}
	}
	if err := table.flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s and %s take %s; if they shared no layer it would be %s\n", count(payloads, "payload"),
		count(len(inventory.Images)-payloads, "runtime image"), units.HumanSize(float64(inventory.Bytes)), units.HumanSize(float64(inventory.Unshared)))
	return err
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

func writeImage(table table, indent string, img engine.Stored) {
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
	table.row(indent+first, base, engine.ShortID(img.ID), ago(img.Tagged),
		units.HumanSize(float64(img.Size)), units.HumanSize(float64(img.Own)), strconv.Itoa(img.Containers))
	for _, ref := range further {
		table.row(indent+ref, "", "", "", "", "", "")
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
