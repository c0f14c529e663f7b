package client

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// Every stands for every client that talks to the image's server.
const Every = "all"

// Choose returns the clients of those names, each once; nil stands for all. Without
// any name they are none.
func Choose(names []string) ([]Client, error) {
	chosen := []Client{}
	for _, name := range names {
		if name == Every {
			continue
		}
		c, err := Named(name)
		if err != nil {
			known := append(Names(), Every)
			return nil, problem.New(problem.Usage, fmt.Sprintf("--as has %q, which is no client that is known here", name), nil,
				problem.Meant(problem.Similar(known, name), "%s")+"Choose of "+strings.Join(known, ", "))
		}
		if !slices.ContainsFunc(chosen, func(other Client) bool { return other.Name == c.Name }) {
			chosen = append(chosen, c)
		}
	}
	if slices.Contains(names, Every) {
		return nil, nil
	}
	return chosen, nil
}

// StartsOf returns the ways in which the chosen clients start an image. It is an
// error where one of them cannot.
func StartsOf(chosen []Client, img Image) ([]Start, error) {
	if chosen == nil {
		chosen = slices.DeleteFunc(All(), func(c Client) bool { return c.Server != img.Labels.Server })
	}
	var starts []Start
	for _, c := range chosen {
		if err := c.Talks(img); err != nil {
			return nil, err
		}
		starts = append(starts, c.Starts(img)...)
	}
	return starts, nil
}
