package command

import (
	"bytes"
	"context"
	"errors"
	"os"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/page"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/progress"
	"github.com/docker-openhands/docker-openhands/cli-plugin/request"
	"github.com/docker/cli/cli/command"
	"github.com/moby/buildkit/util/progress/progressui"
)

// toOutput as the name of a file stands for the standard output.
const toOutput = "-"

// writePage writes the page of an image to a file, which stays as it is where
// there is no page to write.
func writePage(ctx context.Context, dockerCLI command.Cli, e *engine.Engine, d *engine.Details, file string) error {
	subject := page.Subject{Details: d, Licences: map[string]string{}}
	components, err := request.Components(nil)
	if err != nil {
		return err
	}
	for _, c := range components {
		subject.Licences[c.Name] = c.License
	}
	if subject.Layers, err = readLayers(ctx, dockerCLI, e, d.ID); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := page.Write(&text, subject); err != nil {
		return problem.New(problem.BaseConflict, "the image has a layer that no engine can unpack", err, "Make the image anew")
	}
	if file == toOutput {
		_, err := text.WriteTo(dockerCLI.Out())
		return err
	}
	if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
		return notWritable("--html", file, err)
	}
	return nil
}

// readLayers lists what is in each layer of an image, the lowest first.
func readLayers(ctx context.Context, dockerCLI command.Cli, e *engine.Engine, id string) (_ []*image.Listing, err error) {
	found, err := e.Image(ctx, id)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, problem.New(problem.NotFound, "the engine has lost the image "+id, nil, "'docker openhands ls' shows those that it has")
	}
	mode, err := displayMode(dockerCLI, string(progressui.AutoMode))
	if err != nil {
		return nil, err
	}
	step := progress.New(os.Stderr, mode).Step("reading the layers of " + engine.ShortID(id))
	defer func() { step.End(err) }()
	saved, err := e.Save(ctx, found, image.Reading{Keep: page.Keep})
	var excess *image.ExcessError
	if errors.As(err, &excess) {
		err = problem.New(problem.TooLarge, "the image is larger than what this program works with", err, "Look at it without --html")
	}
	if err != nil {
		return nil, err
	}
	listings := make([]*image.Listing, len(saved.Layers))
	for i, l := range saved.Layers {
		listings[i] = l.Listing
	}
	return listings, nil
}
