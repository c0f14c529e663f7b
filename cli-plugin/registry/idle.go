package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

// defaultIdleLimit is how long a registry may say nothing, or next to nothing.
const defaultIdleLimit = time.Minute

// idleVariable replaces defaultIdleLimit, for example "5m".
const idleVariable = "OH_PULL_SILENCE"

// IdleLimit is how long a registry may say nothing.
func IdleLimit() (time.Duration, error) {
	text := os.Getenv(idleVariable)
	if text == "" {
		return defaultIdleLimit, nil
	}
	limit, err := time.ParseDuration(text)
	if err == nil && limit <= 0 {
		err = errors.New("it is not positive")
	}
	if err != nil {
		return 0, problem.New(problem.Usage, fmt.Sprintf("the variable %s is %q and no time", idleVariable, text), err, "Write it as in 90s or 5m, or unset it")
	}
	return limit, nil
}

// silentError ends what says nothing for too long.
type silentError struct{ limit time.Duration }

func (e *silentError) Error() string { return fmt.Sprintf("nothing was heard of it for %s", e.limit) }

// lateError ends what is not finished in time, whatever is heard of it.
type lateError struct{ limit time.Duration }

func (e *lateError) Error() string { return fmt.Sprintf("it did not end within %s", e.limit) }

// IdleTimeout ends its context with a reason unless it is written to.
type IdleTimeout struct {
	context.Context
	limit  time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
	why    error
}

// NewIdleTimeout returns a context that ends when nothing is written to it for
// that long.
func NewIdleTimeout(ctx context.Context, limit time.Duration) *IdleTimeout {
	return watch(ctx, limit, &silentError{limit})
}

// limitTo returns a context that ends after that long.
func limitTo(ctx context.Context, limit time.Duration) *IdleTimeout {
	return watch(ctx, limit, &lateError{limit})
}

func watch(ctx context.Context, limit time.Duration, why error) *IdleTimeout {
	ctx, cancel := context.WithCancelCause(ctx)
	return &IdleTimeout{ctx, limit, time.AfterFunc(limit, func() { cancel(why) }), cancel, why}
}

// Write takes note of a sign of life.
func (w *IdleTimeout) Write(p []byte) (int, error) {
	w.rest()
	w.watch()
	return len(p), nil
}

// rest lets time pass that nobody waits in.
func (w *IdleTimeout) rest() { w.timer.Stop() }

// watch starts anew to wait for a sign of life.
func (w *IdleTimeout) watch() { w.timer.Reset(w.limit) }

// Stop ends the context as well.
func (w *IdleTimeout) Stop() {
	w.rest()
	w.cancel(nil)
}

// Reason is why something ended with err: the time-out, where it was that.
func (w *IdleTimeout) Reason(err error) error {
	if errors.Is(context.Cause(w), w.why) {
		return w.why
	}
	return err
}

// idleTransport is a transport that ends a request of whose answer nothing is heard
// for too long. Only the other side is waited for: a body that is slow to come
// from this side, or to be read by it, is no silence.
type idleTransport struct {
	next  http.RoundTripper
	limit time.Duration
}

// storing is how many times as long an upload's end may take: a registry checks
// and stores the whole blob before it answers.
const storing = 5

// RoundTrip implements http.RoundTripper.
func (p idleTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	limit := p.limit
	if request.Method == http.MethodPut {
		limit *= storing
	}
	answer := NewIdleTimeout(request.Context(), limit)
	request = withBody(request.WithContext(answer), func(body io.ReadCloser) io.ReadCloser { return sentBody{body, answer} })
	response, err := p.next.RoundTrip(request)
	if err != nil {
		answer.Stop()
		return nil, answer.Reason(err)
	}
	answer.rest()
	response.Body = &answerBody{ReadCloser: response.Body, answer: answer}
	return response, nil
}

// withBody puts the body of a request, each time that it is sent, inside
// another one.
func withBody(request *http.Request, wrap func(io.ReadCloser) io.ReadCloser) *http.Request {
	if request.Body == nil || request.Body == http.NoBody {
		return request
	}
	wrapped := *request
	wrapped.Body = wrap(request.Body)
	if again := request.GetBody; again != nil {
		wrapped.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil {
				return nil, err
			}
			return wrap(body), nil
		}
	}
	return &wrapped
}

// sentBody is read as fast as the other side takes it.
type sentBody struct {
	io.ReadCloser
	answer *IdleTimeout
}

// Read implements io.Reader.
func (b sentBody) Read(p []byte) (int, error) {
	b.answer.rest()
	defer b.answer.watch()
	return b.ReadCloser.Read(p)
}

// slowest is the rate in bytes a second below which an answer counts as silence.
const slowest = 1 << 10

// answerBody comes from the other side.
type answerBody struct {
	io.ReadCloser
	answer *IdleTimeout
	waited time.Duration // for the bytes that count
	came   int64         // such bytes
}

// Read implements io.Reader.
func (b *answerBody) Read(p []byte) (int, error) {
	start := time.Now()
	b.answer.timer.Reset(b.answer.limit - b.waited)
	n, err := b.ReadCloser.Read(p)
	b.answer.rest()
	b.waited += time.Since(start)
	if b.came += int64(n); float64(b.came) >= slowest*b.answer.limit.Seconds() {
		b.waited, b.came = 0, 0
	}
	return n, b.answer.Reason(err)
}

// Close implements io.Closer.
func (b *answerBody) Close() error {
	defer b.answer.Stop()
	return b.ReadCloser.Close()
}
