package registry

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// maxPause is the longest pause that a registry is given when it asks for one.
const maxPause = 10 * time.Minute

// pausing is a transport that gives a registry the pause that it asks for, with
// Retry-After (RFC 9110, section 10.2.3) beside the status 429 or 503. All requests
// to it wait, and not only the one that was refused; that one is for others to
// repeat.
type pausing struct {
	next http.RoundTripper
	tell func(host string, pause time.Duration) // of a pause that begins

	lock  *sync.Mutex
	until map[string]time.Time // by host
}

func newPausing(next http.RoundTripper, tell func(string, time.Duration)) pausing {
	return pausing{next: next, tell: tell, lock: new(sync.Mutex), until: map[string]time.Time{}}
}

// RoundTrip implements http.RoundTripper.
func (t pausing) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := t.wait(request.Context(), request.URL.Host); err != nil {
		return nil, err
	}
	response, err := t.next.RoundTrip(request)
	if err == nil && (response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable) {
		if pause := retryAfter(response.Header.Get("Retry-After"), time.Now()); pause > 0 {
			t.begin(request.URL.Host, pause)
		}
	}
	return response, err
}

// retryAfter reads the header; 0 is no pause.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil {
		return min(max(0, time.Duration(seconds)), maxPause/time.Second) * time.Second
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(0, at.Sub(now)), maxPause)
}

func (t pausing) begin(host string, pause time.Duration) {
	until := time.Now().Add(pause)
	t.lock.Lock()
	longer := until.After(t.until[host].Add(pause / 2)) // requests that were under way are refused, too
	if until.After(t.until[host]) {
		t.until[host] = until
	}
	t.lock.Unlock()
	if longer {
		t.tell(host, pause)
	}
}

// wait waits for the end of a pause. Those who wait do not all go on at the same
// moment.
func (t pausing) wait(ctx context.Context, host string) error {
	for {
		t.lock.Lock()
		left := time.Until(t.until[host])
		t.lock.Unlock()
		if left <= 0 {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(left + time.Duration(rand.Int64N(int64(left)/10+1))):
		}
	}
}
