package lab

import (
	"context"
	"fmt"
	"time"
)

// WaitFor asks ten times a second whether condition holds, and
// returns when it does. It gives up after limit or when ctx ends, with an
// error that names what was waited for.
func WaitFor(ctx context.Context, limit time.Duration, what string, condition func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !condition(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting %s for %s: %w", limit, what, ctx.Err())
		}
	}
	return nil
}
