package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/client"
	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
)

func newUse(dockerCLI command.Cli) *cobra.Command {
	var file string
	var asJSON bool
	var long strings.Builder
	for _, c := range client.All() {
		fmt.Fprintf(&long, "  %-12s%s\n", c.Name, c.Title)
	}
	cmd := &cobra.Command{
		Use:   "use CLIENT [IMAGE]",
		Short: "Print what a client of OpenHands needs to use an image",
		Long: `Prints the settings by which a client of OpenHands takes a runtime image, and
what else there is to know. The clients are

` + long.String() + `
With --write the settings go into a file: variables and config.toml are edited,
with every other line as it was; other files are made.

Without an image the server that the client talks to becomes your default, so
that build and run need no --server.`,
		Example: `  docker openhands use app my/image
  docker openhands use app my/image --write .env
  docker openhands use app`,
		Args: arguments(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			chosen, err := client.Named(args[0])
			switch {
			case err != nil:
				return err
			case len(args) == 1 && (file != "" || asJSON):
				return problem.Usagef("--write and --json are for an image")
			case len(args) == 1:
				return useServer(dockerCLI, chosen)
			}
			return useImage(cmd.Context(), dockerCLI, chosen, args[1], file, asJSON)
		},
		ValidArgsFunction: completeUse(dockerCLI),
	}
	flags := cmd.Flags()
	flags.StringVar(&file, "write", "", "Write the settings into this file")
	flags.BoolVar(&asJSON, "json", false, "Print JSON")
	annotate(flags, map[string]facts{"write": {suggests: suggestFiles}})
	return cmd
}

// useServer makes the server of a client the user's default.
func useServer(dockerCLI command.Cli, chosen client.Client) error {
	server := chosen.Server
	if server == payload.Servers()[0].Name {
		server = "" // as without the setting
	}
	if err := settings.EditDocker(dockerCLI.ConfigFile().Filename, serverSetting, server); err != nil {
		return err
	}
	out := terminal.Writer(dockerCLI.Out())
	_, err := fmt.Fprintf(out, "build and run make images with the %s from now on, which %s talks to\n", chosen.Server, chosen.Title)
	if err == nil && server != "" {
		_, err = fmt.Fprintf(out, "%s says so. Take it back with: docker openhands config unset %s\n", homely(dockerCLI.ConfigFile().Filename), serverSetting)
	}
	return err
}

// serverSetting is the name of the setting for the server.
const serverSetting = "server"

func useImage(ctx context.Context, dockerCLI command.Cli, chosen client.Client, name, file string, asJSON bool) error {
	img, err := imageFor(ctx, dockerCLI, name)
	if err != nil {
		return err
	}
	advice, err := chosen.Advise(img)
	if err != nil {
		return err
	}
	if file != "" {
		if err := advice.Write(file, img); err != nil {
			return err
		}
		advice.Notes = append([]string{file + " names " + name + "."}, advice.Notes...)
	}
	if asJSON {
		return document.Write(dockerCLI.Out(), document.Use{Advice: advice})
	}
	return writeAdvice(dockerCLI.Out(), advice, file == "")
}

// imageFor describes a runtime image.
func imageFor(ctx context.Context, dockerCLI command.Cli, name string) (client.Image, error) {
	if err := problem.CheckReference("image", name); err != nil {
		return client.Image{}, err
	}
	_, found, err := anywhere(ctx, dockerCLI, name)
	if err != nil {
		return client.Image{}, err
	}
	return clientImage(name, found)
}

// anywhere describes an image of the engine or, where there is none or it lacks
// the image, of its registry.
func anywhere(ctx context.Context, dockerCLI command.Cli, ref string) (*engine.Engine, *image.Image, error) {
	e, err := engineFor(ctx, dockerCLI, &builder.Output{}, "")
	if err != nil {
		return nil, nil, err
	}
	found, err := (&builder.Builder{Engine: e, CLI: dockerCLI, Log: os.Stderr}).Describe(ctx, ref)
	return e, found, err
}

// clientImage is an image as its clients are told of it. It is an error where it
// is no runtime image.
func clientImage(name string, found *image.Image) (client.Image, error) {
	return client.Of(name, payload.ReadLabels(found.Labels()), found.Config.Architecture)
}

// writeAdvice prints settings, unless they are written already, and notes.
func writeAdvice(w io.Writer, advice *client.Advice, unwritten bool) error {
	var b strings.Builder
	if unwritten {
		for _, s := range advice.Settings {
			fmt.Fprintf(&b, "# for %s\n%s\n", s.Where, s.Text)
		}
	}
	for _, warning := range advice.Warnings {
		fmt.Fprintf(&b, "# warning: %s\n", warning)
	}
	for _, note := range advice.Notes {
		fmt.Fprintf(&b, "# %s\n", note)
	}
	_, err := io.WriteString(terminal.Writer(w), b.String())
	return err
}

func completeUse(dockerCLI command.Cli) cobra.CompletionFunc {
	images := completeImages(dockerCLI, engine.RuntimeNames, 2)
	return func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return images(cmd, args, toComplete)
		}
		var words []string
		for _, c := range client.All() {
			words = append(words, c.Name+"\t"+c.Title)
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}
