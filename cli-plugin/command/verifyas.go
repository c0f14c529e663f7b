package command

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/client"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// allClients stands for every client that talks to the image's server.
const allClients = "all"

// clientsNamed are those that --as names, each once; nil stands for all. Without
// any name they are none.
func clientsNamed(names []string) ([]client.Client, error) {
	chosen := []client.Client{}
	for _, name := range names {
		if name == allClients {
			continue
		}
		c, err := client.Named(name)
		if err != nil {
			known := append(client.Names(), allClients)
			return nil, problem.New(problem.Usage, fmt.Sprintf("--as has %q, which is no client that is known here", name), nil,
				problem.Meant(problem.Similar(known, name), "%s")+"Choose of "+strings.Join(known, ", "))
		}
		if !slices.ContainsFunc(chosen, func(other client.Client) bool { return other.Name == c.Name }) {
			chosen = append(chosen, c)
		}
	}
	if slices.Contains(names, allClients) {
		return nil, nil
	}
	return chosen, nil
}

// startsOf are the ways in which clients start an image. It is an error where one
// of them cannot.
func startsOf(chosen []client.Client, ref string, found *image.Image) ([]client.Start, error) {
	if chosen != nil && len(chosen) == 0 {
		return nil, nil
	}
	img, err := clientImage(ref, found)
	if err != nil {
		return nil, err
	}
	if chosen == nil {
		chosen = slices.DeleteFunc(client.All(), func(c client.Client) bool { return c.Server != img.Labels.Server })
	}
	var starts []client.Start
	for _, c := range chosen {
		if err := c.Talks(img); err != nil {
			return nil, err
		}
		starts = append(starts, c.Starts(img)...)
	}
	return starts, nil
}

// writeClients prints a row for each start as a client.
func writeClients(w io.Writer, all []verify.Client) error {
	if len(all) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	table := newTable(w)
	titles := []string{"CLIENT", "ALIVE AFTER"}
	for _, step := range verify.Steps() {
		titles = append(titles, strings.ToUpper(string(step)))
	}
	table.row(titles...)
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
		table.row(row...)
	}
	return table.flush()
}
