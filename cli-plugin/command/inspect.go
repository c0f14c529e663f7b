package command

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/command/inspect"
	"github.com/docker/go-units"
	"github.com/spf13/cobra"
)

func newInspect(dockerCLI command.Cli) *cobra.Command {
	var asJSON, noTrunc bool
	var format, html string
	cmd := &cobra.Command{
		Use:   "inspect IMAGE",
		Short: "Show what a payload or a runtime image was made from and holds",
		Long: `Shows the inputs of the hash in the payload's tag, labels, layers and components
of an image. With --json, the packages are listed as package URLs as well.
A format is a Go template over the same fields, as 'docker inspect' takes it.

With --html, one page for a browser is written instead, for which the layers are
read: what the payload holds by component, package and folder, the layers and
which images share them, the licences of the packages, and what set-up changed
in the base. The page needs no network and no script.`,
		Example: `  docker openhands inspect my/image
  docker openhands inspect --html image.html my/image
  docker openhands inspect --format '{{.Base}} {{index .Labels "dev.openhands.user"}}' my/image`,
		Args:              arguments(1, 1),
		ValidArgsFunction: completeImages(dockerCLI, engine.OwnNames, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON && format != "" {
				return problem.New(problem.Usage, "--json and --format exclude each other", nil, "Leave one of them out")
			}
			if html != "" && (asJSON || format != "") {
				return problem.New(problem.Usage, "--html excludes --json and --format", nil, "Leave one of them out")
			}
			if html != toOutput {
				if err := checkWritable("--html", html); err != nil {
					return err
				}
			}
			e, err := connect(cmd.Context(), dockerCLI)
			if err != nil {
				return err
			}
			details, err := e.Details(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			switch {
			case html != "":
				return writePage(cmd.Context(), dockerCLI, e, details, html)
			case asJSON:
				return document.Write(dockerCLI.Out(), document.Inspect{Details: details})
			case format != "":
				return writeInspected(dockerCLI.Out(), format, details)
			}
			return writeDetails(dockerCLI.Out(), details, noTrunc)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.Flags().StringVarP(&format, "format", "f", "", "Go template to print, or json for one line of JSON")
	cmd.Flags().BoolVar(&noTrunc, "no-trunc", false, "Shorten nothing to make it fit the terminal")
	cmd.Flags().StringVar(&html, "html", "", "Write a page for a browser to this file, - for the standard output")
	annotate(cmd.Flags(), map[string]facts{"html": {suggests: suggestFiles}})
	return cmd
}

// writeInspected prints an image by a format as 'docker inspect' takes it.
func writeInspected(w io.Writer, format string, d *engine.Details) error {
	raw, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encoding what is known of the image: %w", err)
	}
	inspector, err := inspect.NewTemplateInspectorFromString(terminal.Writer(w), format)
	if err != nil {
		return badFormat(err)
	}
	if err := inspector.Inspect(d, raw); err != nil {
		return badFormat(err)
	}
	return inspector.Flush()
}

func writeDetails(w io.Writer, d *engine.Details, noTrunc bool) error {
	table := terminal.NewTable(w)
	if !noTrunc {
		table.Fit()
	}
	field := func(name, value string) {
		if value != "" {
			table.Row(name, value)
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
		table.Row()
		table.Row("INPUT OF THE PAYLOAD'S HASH", "VALUE OR HASH")
		for _, name := range slices.Sorted(maps.Keys(d.Inputs)) {
			field(name, d.Inputs[name])
		}
	}
	table.Row()
	table.Row("LABEL", "VALUE")
	for _, name := range slices.Sorted(maps.Keys(d.Labels)) {
		table.Row(name, d.Labels[name])
	}
	table.Row()
	table.Row("LAYER", "COMPONENT", "SIZE", "IMAGES", "CREATED BY")
	for _, l := range d.Layers {
		table.Row(imageID(l.DiffID, !noTrunc), l.Component, units.HumanSize(float64(l.Size)), strconv.Itoa(l.Images), oneLine(l.CreatedBy, noTrunc))
	}
	table.Row()
	table.Row("COMPONENT", "SIZE", "FILES", "PACKAGES", "DESCRIPTION")
	for _, c := range d.Manifest.Components {
		table.Row(c.Name, units.HumanSize(float64(c.Bytes)), strconv.Itoa(c.Files), strconv.Itoa(len(c.Packages)), c.Description)
	}
	return table.Flush()
}

// oneLine is a command, which may be a whole script, in one line that is not
// long unless it is to be whole.
func oneLine(text string, whole bool) string {
	const limit = 72
	text = strings.Join(strings.Fields(text), " ")
	if whole {
		return text
	}
	return terminal.Shortened(text, limit)
}
