package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/moby/moby/client"
)

// Names chooses the images whose names are wanted.
type Names int

// The choices.
const (
	BaseNames    Names = iota // neither payloads nor runtime images
	DepsNames                 // payloads
	RuntimeNames              // runtime images
	OwnNames                  // payloads and runtime images
	AllNames
)

func (n Names) has(kind string) bool {
	switch n {
	case AllNames:
		return true
	case BaseNames:
		return kind == ""
	case DepsNames:
		return kind == payload.KindDeps
	case RuntimeNames:
		return kind == payload.KindRuntime
	}
	return kind != ""
}

// Meant asks whether a name that no image has was meant for one of the engine's,
// as problem.Meant does. It is empty where the engine does not tell.
func (e *Engine) Meant(ctx context.Context, name string) string {
	if e.Absent != nil || e.API == nil {
		return ""
	}
	names, _ := ImageNames(ctx, e.API, AllNames) // a suggestion is not worth an error
	return problem.Meant(problem.Similar(names, name), "%s")
}

// ImageNames returns the names of images that the engine behind api has.
func ImageNames(ctx context.Context, api client.APIClient, which Names) ([]string, error) {
	list, err := api.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", err)
	}
	var names []string
	for _, summary := range list.Items {
		if !which.has(summary.Labels[payload.LabelKind]) {
			continue
		}
		for _, name := range summary.RepoTags {
			if !strings.HasPrefix(name, "<none>") && !strings.HasPrefix(name, LeaseName) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}
