package command

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/go-units"
)

// imageContext is what --format of lists knows of an image: its exported
// methods. They are shown on one line each.
type imageContext struct {
	formatter.HeaderContext
	img   engine.Superseded
	trunc bool
}

// writeFormatted prints images by a format as docker's commands take it.
func writeFormatted(w io.Writer, format string, trunc bool, images []engine.Superseded) error {
	context := formatter.Context{Output: w, Format: formatter.Format(format), Trunc: trunc}
	head := &imageContext{}
	head.Header = formatter.SubHeaderContext{
		"Image": "IMAGE", "References": "REFERENCES", "ID": "IMAGE ID", "Kind": "KIND", "Base": "BASE", "Version": "VERSION", "Server": "SERVER",
		"Components": "COMPONENTS", "Payload": "PAYLOAD", "Tagged": "TAGGED", "TaggedAt": "TAGGED AT", "Size": "SIZE", "Own": "OWN",
		"Containers": "CONTAINERS", "Why": "WHY",
	}
	rows := make([]formatter.SubContext, len(images))
	for i, img := range images {
		rows[i] = &imageContext{img: img, trunc: trunc}
	}
	return writeRows(context, head, rows)
}

// writeRows prints rows by a format; head has their headings.
func writeRows(context formatter.Context, head formatter.SubContext, rows []formatter.SubContext) error {
	err := context.Write(head, func(format func(formatter.SubContext) error) error {
		for _, row := range rows {
			if err := format(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return badFormat(err)
	}
	return nil
}

func badFormat(err error) error {
	return problem.New(problem.Usage, "--format cannot be carried out", err, "'--format json' shows the names of all fields")
}

func (c *imageContext) MarshalJSON() ([]byte, error) { return formatter.MarshalJSON(c) }

func (c *imageContext) Image() string      { return terminal.Line(nameOf(c.img.Stored)) }
func (c *imageContext) References() string { return terminal.Line(strings.Join(c.img.References, ",")) }
func (c *imageContext) ID() string         { return terminal.Line(imageID(c.img.ID, c.trunc)) }
func (c *imageContext) Kind() string       { return terminal.Line(c.img.Kind) }
func (c *imageContext) Base() string       { return terminal.Line(c.img.Base) }
func (c *imageContext) Version() string    { return terminal.Line(c.img.Version) }
func (c *imageContext) Server() string     { return terminal.Line(c.img.Server) }
func (c *imageContext) Components() string { return terminal.Line(strings.Join(c.img.Components, ",")) }
func (c *imageContext) Payload() string    { return terminal.Line(c.img.DepsTag) }
func (c *imageContext) Tagged() string     { return ago(c.img.Tagged) }
func (c *imageContext) TaggedAt() string   { return c.img.Tagged.Format(time.RFC3339) }
func (c *imageContext) Size() string       { return units.HumanSize(float64(c.img.Size)) }
func (c *imageContext) Own() string        { return units.HumanSize(float64(c.img.Own)) }
func (c *imageContext) Containers() string { return strconv.Itoa(c.img.Containers) }
func (c *imageContext) Why() string        { return terminal.Line(c.img.Why) }

// imageID is an image's ID, whole or as docker shows it.
func imageID(id string, trunc bool) string {
	if trunc {
		return engine.ShortID(id)
	}
	return id
}
