package command

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/client"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// startsOf are the ways in which clients start an image; nil stands for all of its
// server's.
func startsOf(chosen []client.Client, ref string, found *image.Image) ([]client.Start, error) {
	if chosen != nil && len(chosen) == 0 {
		return nil, nil
	}
	img, err := clientImage(ref, found)
	if err != nil {
		return nil, err
	}
	return client.StartsOf(chosen, img)
}

// writeClients prints a row for each start as a client.
func writeClients(w io.Writer, all []verify.Client) error {
	if len(all) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	table := terminal.NewTable(w)
	titles := []string{"CLIENT", "ALIVE AFTER"}
	for _, step := range verify.Steps() {
		titles = append(titles, strings.ToUpper(string(step)))
	}
	table.Row(titles...)
	for _, c := range all {
		name, seconds := c.Name, "-"
		if c.Way != "" {
			name += ", " + c.Way
		}
		if c.Seconds > 0 {
			seconds = fmt.Sprintf("%.1f s", c.Seconds)
		}
		row := []string{name, seconds}
		for _, step := range verify.Steps() {
			row = append(row, string(cmp.Or(c.Steps[step], payload.Status("-"))))
		}
		table.Row(row...)
	}
	return table.Flush()
}
