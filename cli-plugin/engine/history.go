package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
)

// BuildSeconds is the time between the first and the last layer that an image
// has over its base: the least that it took to build. It is 0 where the engine
// lacks the base, or the image does not say.
func (e *Engine) BuildSeconds(ctx context.Context, ref, base string) (float64, error) {
	below := 0
	if base != plan.Scratch {
		found, err := e.Image(ctx, base)
		if err != nil || found == nil {
			return 0, err
		}
		history, err := e.API.ImageHistory(ctx, base)
		if err != nil {
			return 0, fmt.Errorf("reading the history of %s: %w", base, err)
		}
		below = len(history.Items)
	}
	history, err := e.API.ImageHistory(ctx, ref)
	if err != nil {
		return 0, fmt.Errorf("reading the history of %s: %w", ref, err)
	}
	if len(history.Items)-below < 2 {
		return 0, nil
	}
	own := history.Items[:len(history.Items)-below] // the newest comes first
	took := time.Duration(own[0].Created-own[len(own)-1].Created) * time.Second
	return max(0, took.Seconds()), nil
}
