package builder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/moby/moby/client"
)

// Programs tells which of the named programs a base has in its PATH. Nothing
// of the base runs.
func (b *Builder) Programs(ctx context.Context, base string, names []string) (map[string]bool, error) {
	has := map[string]bool{}
	found, err := b.base(ctx, base)
	if err != nil || found == nil { // nil: scratch
		return has, problem.Classify(ctx, err)
	}
	path := cmp.Or(image.SearchPath(found.Config.Config.Env), payload.SystemPath)
	err = b.Engine.stat(ctx, found.ID, func(exists func(string) (bool, error)) error {
		for dir := range strings.SplitSeq(path, ":") {
			// A folder that is not there spares its programs.
			if there, err := exists(dir); err != nil || !there {
				if err != nil {
					return err
				}
				continue
			}
			for _, name := range names {
				there, err := exists(dir + "/" + name)
				if err != nil {
					return err
				}
				has[name] = has[name] || there
			}
		}
		return nil
	})
	return has, problem.Classify(ctx, err)
}

// stat lets use ask for paths of an image.
func (e *Engine) stat(ctx context.Context, image string, use func(exists func(path string) (bool, error)) error) (err error) {
	made, err := e.create(ctx, nothing(image), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, made.remove(ctx)) }()
	return use(func(path string) (bool, error) {
		_, err := e.api.ContainerStatPath(ctx, made.id, client.ContainerStatPathOptions{Path: path})
		switch {
		case err == nil:
			return true, nil
		case cerrdefs.IsNotFound(err), strings.Contains(err.Error(), "not a directory"):
			return false, nil
		}
		return false, fmt.Errorf("looking for %s: %w", path, err)
	})
}

// BuildSeconds is the time between the first and the last layer that an image
// has over its base: the least that it took to build. It is 0 where the engine
// lacks the base, or the image does not say.
func (b *Builder) BuildSeconds(ctx context.Context, image, base string) (float64, error) {
	below := 0
	if base != plan.Scratch {
		found, err := b.Engine.inspect(ctx, base)
		if err != nil || found == nil {
			return 0, problem.Classify(ctx, err)
		}
		history, err := b.Engine.api.ImageHistory(ctx, base)
		if err != nil {
			return 0, fmt.Errorf("reading the history of %s: %w", base, err)
		}
		below = len(history.Items)
	}
	history, err := b.Engine.api.ImageHistory(ctx, image)
	if err != nil {
		return 0, fmt.Errorf("reading the history of %s: %w", image, err)
	}
	if len(history.Items)-below < 2 {
		return 0, nil
	}
	own := history.Items[:len(history.Items)-below] // the newest comes first
	took := time.Duration(own[0].Created-own[len(own)-1].Created) * time.Second
	return max(0, took.Seconds()), nil
}
