package builder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/registry"
)

// What lies between two tries for an image: twice as long each time, give or take
// half of it. Requests have tries of their own.
const (
	firstWait = 500 * time.Millisecond
	longest   = 30 * time.Second
)

// patiently does something, and again where a registry failed in a way that passes.
// What it is for is told where it has to be tried again.
func (b *Builder) patiently(ctx context.Context, what string, do func() error) (err error) {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.Multiplier, waits.MaxInterval = firstWait, 2, longest
	try := func() (struct{}, error) {
		if err = do(); err != nil && (stops(ctx, err) || !b.passes(err)) {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}
	_, _ = backoff.Retry(ctx, try, backoff.WithBackOff(waits), backoff.WithMaxTries(uint(max(b.Retries, 0)+1)), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, wait time.Duration) {
			b.View().Logf("trying %s again in %.1f s: %v", what, wait.Seconds(), problem.Cause(err))
		}))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// passes reports whether an error is one that another try may not meet. What an
// engine says of registries is known by its code alone. An image may also be ended
// by one that has a layer in common with it, and that was uploading it.
func (b *Builder) passes(err error) bool {
	var known *problem.Error
	var late *lateError
	switch {
	case errors.As(err, &late):
		return false
	case registry.Transient(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return true
	case errors.As(err, &known):
		return known.Code == problem.RegistryLimit || b.Output == nil && known.Code == problem.RegistryFailed
	}
	return false
}

// lateError ends an image that takes too long.
type lateError struct{ limit time.Duration }

func (e *lateError) Error() string { return fmt.Sprintf("it was not finished within %s", e.limit) }

// timely has something end that takes too long for an order.
func (c *conductor) timely(do func(context.Context, *order) error) func(context.Context, *order) error {
	if c.TimeLimit <= 0 {
		return do
	}
	return func(ctx context.Context, o *order) error {
		if o.ends.IsZero() {
			o.ends = time.Now().Add(c.TimeLimit)
		}
		late := &lateError{c.TimeLimit}
		limited, cancel := context.WithDeadlineCause(ctx, o.ends, late)
		defer cancel()
		err := do(limited, o)
		if err != nil && ctx.Err() == nil && limited.Err() != nil {
			return problem.New(problem.TookTooLong, "the image over "+o.runtime.Base+" took too long", late,
				"Run the same command again, which makes what is missing, or give more time with --time-limit")
		}
		return err
	}
}
