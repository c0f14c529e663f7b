package registry

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
)

// Total counts the bytes of all bodies that are sent to registries and come from
// them, failed tries included.
type Total struct{ Up, Down atomic.Int64 }

// totalKey is the key of a Total in the context of requests.
type totalKey struct{}

// Counted returns a context whose requests are counted.
func Counted(ctx context.Context, into *Total) context.Context {
	return context.WithValue(ctx, totalKey{}, into)
}

// countedTransport counts the bodies of what passes.
type countedTransport struct {
	next http.RoundTripper
	into *Total
}

// RoundTrip implements http.RoundTripper.
func (t countedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(withBody(request, func(body io.ReadCloser) io.ReadCloser { return countedBody{body, &t.into.Up} }))
	if err == nil {
		response.Body = countedBody{response.Body, &t.into.Down}
	}
	return response, err
}

// countedBody counts what is read.
type countedBody struct {
	io.ReadCloser
	count *atomic.Int64
}

// Read implements io.Reader.
func (b countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.count.Add(int64(n))
	return n, err
}
