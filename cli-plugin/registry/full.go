package registry

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// untilFull is a transport that fails for good where a registry answers that it
// has no space left. A further try would find what this one left half done, an
// empty link to a layer for example, and the answer to it lacks the reason.
type untilFull struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t untilFull) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil || response.StatusCode < http.StatusInternalServerError {
		return response, err
	}
	const enough = 1 << 16
	body, err := io.ReadAll(io.LimitReader(response.Body, enough))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	var answer *transport.Error
	if errors.As(transport.CheckError(response), &answer) && spaceless(answer) {
		return nil, registryFull{answer}
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// registryFull hides of an answer that it calls itself temporary.
type registryFull struct{ answer *transport.Error }

func (e registryFull) Error() string { return e.answer.Error() }
func (e registryFull) Unwrap() error { return e.answer }
