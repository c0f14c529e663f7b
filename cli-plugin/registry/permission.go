package registry

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"
)

// CheckPush reports, as a push would, why this user cannot push to one of the
// repositories, the first in their order. Their registries have half a minute to answer. Each is asked to
// begin an upload, which is taken back: a token server may grant what the
// registry refuses.
func (c *Client) CheckPush(ctx context.Context, repositories []name.Repository) error {
	open, err := c.connect()
	if err != nil {
		return err
	}
	asking := limitTo(ctx, describingLimit)
	defer asking.Stop()
	through := transport.NewRetry(boundTransport{asking, open.transport}, transport.WithRetryBackoff(retries()),
		transport.WithRetryStatusCodes(http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout),
		transport.WithRetryPredicate(func(err error) bool {
			var temporary interface{ Temporary() bool }
			return errors.As(err, &temporary) && temporary.Temporary() && !errors.Is(err, context.DeadlineExceeded) || cut(err)
		}))
	errs := make([]error, len(repositories))
	var group errgroup.Group
	group.SetLimit(maxAsked)
	for i, repository := range repositories {
		group.Go(func() error {
			err := remote.CheckPushPermission(repository.Tag(name.DefaultTag), keychain{c.Config}, through)
			switch {
			case err == nil:
			case ctx.Err() != nil:
				errs[i] = ctx.Err()
			default:
				errs[i] = pushProblem(repository.Name(), asking.Reason(err))
			}
			return nil
		})
	}
	_ = group.Wait() // each has its place in errs
	return cmp.Or(errs...)
}

// boundTransport ends requests with a context, for a caller that takes none.
type boundTransport struct {
	ctx  context.Context
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t boundTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method != http.MethodDelete { // with which an upload is taken back, when nobody waits any more
		request = request.WithContext(t.ctx)
	}
	return t.next.RoundTrip(request)
}
