package registry

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// roundTrips is a transport that is a function.
type roundTrips func(*http.Request) (*http.Response, error)

func (f roundTrips) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// All requests to a registry wait for the end of the pause that it wants, and those
// to others do not.
func TestPausing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		told := 0
		through := newPausing(roundTrips(func(request *http.Request) (*http.Response, error) {
			answer := httptest.NewRecorder()
			if time.Since(start) < time.Second && request.URL.Host == "busy" {
				answer.Header().Set("Retry-After", "20")
				answer.WriteHeader(http.StatusTooManyRequests)
			}
			return answer.Result(), nil
		}), func(host string, pause time.Duration) {
			told++
			if host != "busy" || pause != 20*time.Second {
				t.Errorf("%s wants %s", host, pause)
			}
		})
		ask := func(host string) (status int, waited time.Duration) {
			began := time.Now()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/v2/", nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := through.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			return response.StatusCode, time.Since(began)
		}
		if status, waited := ask("busy"); status != http.StatusTooManyRequests || waited != 0 {
			t.Errorf("%d after %s", status, waited)
		}
		if status, waited := ask("idle"); status != http.StatusOK || waited != 0 {
			t.Errorf("another registry: %d after %s", status, waited)
		}
		if status, waited := ask("busy"); status != http.StatusOK || waited < 20*time.Second || waited > 22*time.Second {
			t.Errorf("%d after %s", status, waited)
		}
		if told != 1 {
			t.Errorf("it is told %d times", told)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "0": 0, "-5": 0, "7": 7 * time.Second, "soon": 0, "9223372036854775807": maxPause, "99999999999999999999": 0,
		"Mon, 30 Nov 2026 12:00:30 GMT": 30 * time.Second, "Mon, 30 Nov 2026 11:00:00 GMT": 0, "Fri, 01 Jan 2100 00:00:00 GMT": maxPause,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q is %s, want %s", header, got, want)
		}
	}
}
