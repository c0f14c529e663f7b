package command

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
	"github.com/docker-openhands/docker-openhands/cli-plugin/client"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker/go-units"
)

// outcome is what a build came to, and what people can do with it.
type outcome struct {
	results []builder.Result
	output  *builder.Output // nil: the engine
	server  string          // of the payload; empty: unknown
	arch    string          // that the last image is for; empty: several
	size    int64           // bytes, unpacked, of the last image; 0: unknown
	took    time.Duration

	elsewhere bool // the engine does not run what was made
}

// outcomeOf finds out what is told of results. They are there whether it can be
// found out or not.
func (o *buildOptions) outcomeOf(ctx context.Context, b *builder.Builder, runtimes *runtimeOptions, results []builder.Result, took time.Duration) outcome {
	last := results[len(results)-1]
	made := outcome{results: results, output: o.output, arch: b.Engine.Arch, took: took, elsewhere: !slices.Contains(strings.Split(last.Platform, ","), "linux/"+b.Engine.Arch)}
	if runtimes.depsImage == "" {
		made.server = runtimes.server
	}
	if o.output != nil {
		if made.arch = strings.TrimPrefix(last.Platform, "linux/"); strings.Contains(made.arch, ",") {
			made.arch = "" // a client takes its own of an index
		}
		return made
	}
	if found, err := b.Local(ctx, last.ID); err == nil && found != nil {
		made.size, made.server = found.Size, payload.ReadLabels(found.Labels()).Server
	}
	return made
}

// showNext says what to do after a build, unless a program reads what is
// printed.
func (o *buildOptions) showNext(w io.Writer, made outcome) error {
	if o.json || o.progress == "quiet" || len(made.results) == 0 || o.output != nil && o.output.File == "-" {
		return nil
	}
	return writeNext(w, made)
}

// writeNext prints what a build came to and the commands and settings for what
// it made, with the names filled in.
func writeNext(w io.Writer, o outcome) error {
	var b strings.Builder
	say := func(what, how string) { fmt.Fprintf(&b, "%-11s%s\n", what, terminal.Line(how)) }
	last := o.results[len(o.results)-1]
	name := last.References[len(last.References)-1] // one that the user gave, if there is one

	fmt.Fprintf(&b, "\n%s\n", o.summary())
	switch {
	case last.Base == "" && o.elsewhere && o.output == nil:
		say("Push it:", "docker push "+name+" # engines of "+last.Platform+" take it from there")
	case last.Base == "" && !o.elsewhere:
		if o.output == nil || o.output.Push {
			say("Use it:", "docker openhands build --deps-image "+name+" alpine:3.20")
		}
	case o.output == nil:
		say("Start it:", "docker openhands run "+name)
		say("Check it:", "docker openhands verify --live "+name)
	case o.output.Push:
		say("Pull it:", "docker pull "+name)
	case o.output.Format == image.FormatDocker:
		say("Load it:", fmt.Sprintf("docker load --input %q", o.output.File))
	}
	if last.Base != "" {
		settings, others := uses(o.server, o.arch, name)
		for _, setting := range settings {
			say("Use it:", setting.Where)
			for line := range strings.Lines(setting.Text) {
				say("", "    "+strings.TrimSuffix(line, "\n"))
			}
		}
		if others != "" {
			say("Clients:", others)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// summary is size and time in one line.
func (o outcome) summary() string {
	var made, images int
	for _, r := range o.results {
		if r.Base == "" && len(o.results) > 1 { // what the images are made of
			continue
		}
		images++
		if !r.Reused {
			made++
		}
	}
	took := fmt.Sprintf("in %.1f s", o.took.Seconds())
	if images > 1 {
		return fmt.Sprintf("%s, %d of them new, %s. For the last one:", count(images, "image"), made, took)
	}
	what := "New"
	if made == 0 {
		what = "There before"
	}
	if o.size > 0 {
		what += ", " + units.HumanSize(float64(o.size))
	}
	return what + ", " + took
}

// uses are the settings by which the ordinary client of a server takes an image;
// none where it could not. others is the command for the other clients.
func uses(server, arch, name string) (settings []client.Setting, others string) {
	ordinary := "v0"
	if server == payload.AgentServer {
		ordinary, others = "app", "docker openhands use CLIENT "+name
	}
	img := client.Image{Name: name, Labels: payload.Labels{Server: server}, Arch: arch}
	if c, err := client.Named(ordinary); err == nil && c.Server == server {
		if advice, err := c.Advise(img); err == nil && len(advice.Warnings) == 0 {
			settings = advice.Settings
		}
	}
	return settings, others
}
