package command

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker/go-units"
)

// imagesOf is what --json prints of a build, with what the engine says of the
// images. One that it does not describe any more is no error.
func imagesOf(ctx context.Context, b *builder.Builder, results []builder.Result) document.Images {
	images := document.Images{Images: []document.Image{}}
	for _, r := range results {
		described := document.Image{Result: r}
		if r.ID != "" && b.Output == nil {
			if found, err := b.Local(ctx, r.ID); err == nil && found != nil {
				described.Size = found.Size
			}
		}
		images.Images = append(images.Images, described)
	}
	return images
}

// show tells of the results, if there are any.
func (o *buildOptions) show(ctx context.Context, b *builder.Builder, w io.Writer, results []builder.Result) error {
	switch {
	case len(results) == 0, o.output != nil && o.output.File == "-": // an archive is what is written there
		return nil
	case o.json:
		return document.Write(w, imagesOf(ctx, b, results))
	case o.quiet:
		return writeIDs(w, results)
	}
	return writeResults(w, results)
}

// writeIDs prints what each runtime image is known by where it was put; of a
// command that makes none, the payload.
func writeIDs(w io.Writer, results []builder.Result) error {
	payloads := !slices.ContainsFunc(results, func(r builder.Result) bool { return r.Base != "" })
	for _, r := range results {
		id := cmp.Or(r.Digest, r.ID)
		if payloads != (r.Base == "") || r.Failure != nil || id == "" {
			continue
		}
		if _, err := fmt.Fprintln(w, terminal.Line(id)); err != nil {
			return err
		}
	}
	return nil
}

func writeResults(w io.Writer, results []builder.Result) error {
	table := terminal.NewTable(w)
	table.Fit("ID")
	table.Row("BASE", "IMAGE", "ID", "STATUS")
	for _, r := range results {
		base, status := r.Base, fmt.Sprintf("made in %.1f s", r.Seconds)
		if base == "" {
			base = "(deps)"
		}
		switch {
		case r.Failure != nil:
			status = fmt.Sprintf("failed, %s", r.Failure.Code)
		case r.Reused && r.Digest != "":
			status = "in the registry"
		case r.Reused:
			status = "reused"
		case r.Traffic != nil:
			status = fmt.Sprintf("pushed in %.1f s, %s", r.Seconds, traffic(r.Traffic))
		case r.Digest != "":
			status = fmt.Sprintf("written in %.1f s", r.Seconds)
		}
		for _, ref := range r.References {
			table.Row(base, ref, engine.ShortID(r.ID), status)
		}
	}
	return table.Flush()
}

// traffic is what a push came to, for a person.
func traffic(t *registry.Traffic) string {
	return fmt.Sprintf("%s uploaded, %d layers new, %d mounted, %d there before", units.HumanSize(float64(t.Bytes)), t.Uploaded, t.Mounted, t.Present)
}
