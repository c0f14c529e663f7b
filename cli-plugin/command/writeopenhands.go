package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/client"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker/cli/cli/command"
	"github.com/spf13/pflag"
)

// writeOpenHands tells OpenHands V0 to use an image, if it can.
func writeOpenHands(ctx context.Context, dockerCLI command.Cli, config, file, ref string) error {
	call := struct {
		runtimes runtimeOptions
		mode     modeOptions
	}{}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	call.runtimes.flags(flags)
	call.mode.flags(flags)
	sources, err := otherSources(dockerCLI, config)
	if err != nil {
		return err
	}
	if err := configure(flags, sources, notes(dockerCLI)); err != nil {
		return err
	}
	named := ref != ""
	if !named {
		if ref, err = call.mode.imageName(ctx, dockerCLI, &call.runtimes); err != nil {
			return err
		}
	}
	if err := problem.CheckReference("image", ref); err != nil {
		return err
	}
	found, err := describe(ctx, dockerCLI, ref)
	var missing *problem.Error
	if errors.As(err, &missing) && missing.Code != problem.NotForClient && !named {
		missing.Next = "Build it first with 'docker openhands build', or name another one with --image"
	}
	if err != nil {
		return err
	}
	browser := !call.mode.leaveOutBrowser() && !slices.Contains(call.runtimes.without, "browser")
	if known, ok := componentsHave(found, "browser"); ok {
		browser = known
	}
	if err := settings.WriteImage(file, ref, browser); err != nil {
		return err
	}
	_, err = fmt.Fprintf(terminal.Writer(dockerCLI.Out()), "OpenHands uses %s, as %s says\n", ref, file)
	return err
}

// describe returns an image. One that OpenHands V0 cannot start is an error.
func describe(ctx context.Context, dockerCLI command.Cli, ref string) (*image.Image, error) {
	e, found, err := anywhere(ctx, dockerCLI, ref)
	if err != nil {
		return nil, err
	}
	if payload.ReadLabels(found.Labels()).Kind != "" {
		img, err := clientImage(ref, found)
		if err != nil {
			return nil, err
		}
		v0, err := client.Named("v0")
		if err != nil {
			return nil, err
		}
		return found, v0.Talks(img)
	}
	if found.Repository != nil { // an image of the traditional mode has no label that tells
		notes(dockerCLI)("no label tells whether %s has a server: the engine does not have the image, so nothing looked into it", ref)
		return found, nil
	}
	return found, e.Paths(ctx, found.ID, func(exists func(string) (bool, error)) error {
		there, err := exists(payload.Micromamba)
		if err == nil && !there {
			err = client.NoServer(ref)
		}
		return err
	})
}

// imageName is the first name of what build would make.
func (o *modeOptions) imageName(ctx context.Context, dockerCLI command.Cli, runtimes *runtimeOptions) (string, error) {
	if len(runtimes.bases) > 1 || len(runtimes.bases) == 0 && o.mode == modeTwoStage {
		return "", problem.New(problem.Usage, fmt.Sprintf("there are %d bases to tell the image from", len(runtimes.bases)), nil,
			"Name the image with --image, or one base with the variable OH_BUILD_BASE")
	}
	reports, err := o.tags(ctx, dockerCLI, runtimes, false)
	if err != nil {
		return "", err
	}
	report := reports[0]
	return report.Repository + ":" + cmp.Or(report.RuntimeTag, report.SourceTag), nil
}

// componentsHave reports whether an image has a component, where it says what it
// has.
func componentsHave(found *image.Image, name string) (has, known bool) {
	_, known = found.Labels()[payload.LabelComponents]
	return slices.Contains(payload.ReadLabels(found.Labels()).ComponentNames(), name), known
}
