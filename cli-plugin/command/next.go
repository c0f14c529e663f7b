package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/docker-openhands/docker-openhands/cli-plugin/builder"
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
	arch    string
	size    int64 // bytes, unpacked, of the last image; 0: unknown
	took    time.Duration
}

// outcomeOf finds out what is told of results. They are there whether it can be
// found out or not.
func (o *buildOptions) outcomeOf(ctx context.Context, b *builder.Builder, runtimes *runtimeOptions, results []builder.Result, took time.Duration) outcome {
	made := outcome{results: results, output: o.output, arch: b.Engine.Arch, took: took}
	if runtimes.depsImage == "" {
		made.server = runtimes.server
	}
	if o.output != nil {
		return made
	}
	if found, err := b.Local(ctx, results[len(results)-1].ID); err == nil && found != nil {
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
	case last.Base == "":
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
		for _, use := range uses(o.server, o.arch, name) {
			say("Use it:", use.where)
			for _, line := range use.lines {
				say("", "    "+line)
			}
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

// use is where an image is named and the lines that name it.
type use struct {
	where string
	lines []string
}

// uses are the settings by which clients of a server take an image.
func uses(server, arch, name string) []use {
	switch server {
	case payload.ActionExecutionServer:
		return []use{{"config.toml of OpenHands V0", []string{"[sandbox]", fmt.Sprintf("runtime_container_image = %q", name)}}}
	case payload.AgentServer:
		all := applicationUse(name)
		arguments := fmt.Sprintf("server_image=%q", name)
		if arch != "amd64" { // which the SDK takes for every machine's
			arguments += fmt.Sprintf(", platform=%q", "linux/"+arch)
		}
		return append(all, use{"the SDK", []string{"DockerWorkspace(" + arguments + ")"}})
	}
	return nil
}

// upstreamRepository is the one of which OpenHands' application changes tags:
// it puts its own version into them (app_server/sandbox/sandbox_spec_service.py
// of openhands-ai 1.11.0).
const upstreamRepository = "ghcr.io/openhands/agent-server"

// applicationUse is how OpenHands' application takes an image; nothing for
// a name that it cannot be told.
func applicationUse(name string) []use {
	parsed, err := reference.ParseAnyReference(name)
	if err != nil {
		return nil
	}
	tagged, ok := parsed.(reference.NamedTagged)
	if _, pinned := parsed.(reference.Digested); !ok || pinned || tagged.Name() == upstreamRepository {
		return nil
	}
	return []use{{"variables of OpenHands' application", []string{
		"AGENT_SERVER_IMAGE_REPOSITORY=" + reference.FamiliarName(tagged),
		"AGENT_SERVER_IMAGE_TAG=" + tagged.Tag(),
	}}}
}
