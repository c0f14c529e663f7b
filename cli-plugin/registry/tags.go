package registry

import (
	"context"
	"fmt"

	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/google/go-containerregistry/pkg/name"
)

// maxPages is how many pages a registry may tell the tags of a repository in: it
// says itself whether there is another one.
const maxPages = 10_000

// Tags returns the tags of a repository, in the registry's order. More than most
// of them are an *image.ExcessError.
func (c *Client) Tags(ctx context.Context, repository string, most int) ([]string, error) {
	ref, err := c.Parse(repository + ":" + name.DefaultTag)
	if err != nil {
		return nil, fmt.Errorf("reading the name %s: %w", repository, err)
	}
	open, err := c.connect()
	if err != nil {
		return nil, err
	}
	pages, err := open.puller.Lister(ctx, ref.Context())
	if err != nil {
		return nil, PullProblem(ThisMachine, "list of the tags of", repository, err)
	}
	var tags []string
	for n := 0; pages.HasNext(); n++ {
		page, err := pages.Next(ctx)
		if err != nil {
			return nil, PullProblem(ThisMachine, "list of the tags of", repository, err)
		}
		if tags = append(tags, page.Tags...); len(tags) > most || n >= maxPages {
			return nil, image.Excess("the repository %s has more than %d tags", repository, most)
		}
	}
	return tags, nil
}
