package command

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker/cli/cli/command"
	"github.com/docker/go-units"
	"github.com/spf13/cobra"
)

func newInspect(dockerCLI command.Cli) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect IMAGE",
		Short: "Show what a payload or a runtime image was made from and holds",
		Long: `Shows the inputs of the hash in the payload's tag, labels, layers and components
of an image. With --json, the packages are listed as package URLs as well.`,
		Args:              arguments(1, 1),
		ValidArgsFunction: completeImages(dockerCLI, engine.OwnNames, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := connect(cmd.Context(), dockerCLI)
			if err != nil {
				return err
			}
			details, err := e.Details(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(dockerCLI.Out(), details)
			}
			return writeDetails(dockerCLI.Out(), details)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	return cmd
}

func writeDetails(w io.Writer, d *engine.Details) error {
	table := newTable(w)
	field := func(name, value string) {
		if value != "" {
			table.row(name, value)
		}
	}
	field("Image", strings.Join(d.References, ", "))
	field("ID", d.ID)
	field("Kind", d.Kind)
	field("Base", d.Base)
	field("Platform", d.Platform)
	field("Created", d.Created)
	field("Payload", d.DepsTag)
	field("OpenHands", fmt.Sprintf("%s, %s, %s", d.Version, d.Server, d.Manifest.Libc))
	field("Size", fmt.Sprintf("%s, %s of it in no other image", units.HumanSize(float64(d.Size)), units.HumanSize(float64(d.Own))))
	field("Containers", fmt.Sprint(d.Containers))

	if len(d.Inputs) > 0 {
		table.row()
		table.row("INPUT OF THE PAYLOAD'S HASH", "VALUE OR HASH")
		for _, name := range slices.Sorted(maps.Keys(d.Inputs)) {
			field(name, d.Inputs[name])
		}
	}
	table.row()
	table.row("LABEL", "VALUE")
	for _, name := range slices.Sorted(maps.Keys(d.Labels)) {
		table.row(name, d.Labels[name])
	}
	table.row()
	table.row("LAYER", "SIZE", "IMAGES", "CREATED BY")
	for _, l := range d.Layers {
		table.row(engine.ShortID(l.DiffID), units.HumanSize(float64(l.Size)), strconv.Itoa(l.Images), shortened(l.CreatedBy))
	}
	table.row()
	table.row("COMPONENT", "SIZE", "FILES", "PACKAGES", "DESCRIPTION")
	for _, c := range d.Manifest.Components {
		table.row(c.Name, units.HumanSize(float64(c.Bytes)), strconv.Itoa(c.Files), strconv.Itoa(len(c.Packages)), c.Description)
	}
	return table.flush()
}

// shortened shortens what a build step says of itself.
func shortened(text string) string {
	const limit = 72
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit-1]) + "…"
	}
	return text
}
