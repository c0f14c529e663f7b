package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestIdleTimeout(t *testing.T) {
	idle := NewIdleTimeout(t.Context(), time.Hour)
	fmt.Fprint(idle, "alive")
	if idle.Err() != nil {
		t.Error(idle.Err())
	}
	idle.Stop()
	if err := idle.Reason(idle.Err()); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	idle = NewIdleTimeout(t.Context(), time.Millisecond)
	defer idle.Stop()
	<-idle.Done()
	var silent *silentError
	if err := idle.Reason(idle.Err()); !errors.As(err, &silent) {
		t.Errorf("ended by %v", err)
	}
}

func TestIdleLimit(t *testing.T) {
	for text, want := range map[string]time.Duration{"": defaultIdleLimit, "2s": 2 * time.Second, "-1s": 0, "2": 0, "x": 0} {
		t.Setenv(idleVariable, text)
		if got, err := IdleLimit(); got != want || (err != nil) != (want == 0) {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
}

// roundTrip is a transport of its own.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// Only the other side has to hurry.
func TestIdleTransport(t *testing.T) {
	const limit = time.Second
	slow := func(ctx context.Context, text string, pause time.Duration) io.ReadCloser {
		out, in := io.Pipe()
		go func() {
			for chunk := range strings.SplitAfterSeq(text, ".") {
				select {
				case <-time.After(pause):
				case <-ctx.Done():
					in.CloseWithError(ctx.Err()) // as HTTP/2 ends, without the cause
					return
				}
				_, _ = io.WriteString(in, chunk)
			}
			in.Close()
		}()
		return out
	}
	second := strings.Repeat("a", slowest-1) + "." // as much as has to come in one
	const quick = "a.b.c."
	for name, test := range map[string]struct {
		text                      string
		send, start, answer, read time.Duration // pauses
		silent                    bool
	}{
		"quick":       {text: quick},
		"slow":        {strings.Repeat(second, 4), 0, limit / 2, limit / 2, 0, false},
		"slow sender": {quick, 2 * limit, 0, 0, 0, false},
		"slow reader": {quick, 0, 0, 0, 2 * limit, false},
		"no answer":   {quick, 0, 2 * limit, 0, 0, true},
		"no end":      {quick, 0, 0, 2 * limit, 0, true},
		"drops":       {strings.Repeat(".", 20), 0, 0, limit / 10, 0, true},
		"few drops":   {strings.Repeat(".", 5), 0, 0, limit / 10, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				other := roundTrip(func(request *http.Request) (*http.Response, error) {
					if sent, err := io.ReadAll(request.Body); err != nil || string(sent) != quick {
						t.Errorf("sent %q, %v", sent, err)
					}
					select {
					case <-time.After(test.start):
					case <-request.Context().Done():
						return nil, request.Context().Err()
					}
					return &http.Response{Body: slow(request.Context(), test.text, test.answer)}, nil
				})
				request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://h/", slow(ctx, quick, test.send))
				if err != nil {
					t.Fatal(err)
				}
				response, err := idleTransport{other, limit}.RoundTrip(request)
				var got []byte
				if err == nil {
					time.Sleep(test.read)
					got, err = io.ReadAll(response.Body)
					response.Body.Close()
				}
				var silent *silentError
				if errors.As(err, &silent) != test.silent || !test.silent && (err != nil || string(got) != test.text) {
					t.Errorf("%q, %v", got, err)
				}
			})
		})
	}
}
