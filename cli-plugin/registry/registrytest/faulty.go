package registrytest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
)

// Faulty is a registry that goes wrong in one of so many requests, in all ways in
// which registries and what lies before them do.
type Faulty struct {
	Next http.Handler
	One  int // in so many

	lock   sync.Mutex
	random *rand.Rand
	Faults map[string]int // that there were, by their kind
}

// NewFaulty returns one whose faults go by a seed.
func NewFaulty(next http.Handler, one int, seed uint64) *Faulty {
	return &Faulty{Next: next, One: one, random: rand.New(rand.NewPCG(seed, 0)), Faults: map[string]int{}}
}

// The kinds of faults. Of those that are cut, the first is not carried out, and the
// second is.
const (
	limited   = "429"
	failed    = "500"
	cutBefore = "cut before"
	cutAfter  = "cut after"
	cutAnswer = "cut in the answer"
)

// fault decides about a request; number is that of the kind's faults.
func (f *Faulty) fault() (kind string, number int) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.random.IntN(f.One) != 0 {
		return "", 0
	}
	kind = []string{limited, failed, cutBefore, cutAfter, cutAnswer}[f.random.IntN(5)]
	f.Faults[kind]++
	return kind, f.Faults[kind]
}

// ServeHTTP implements http.Handler.
func (f *Faulty) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	kind, number := f.fault()
	switch kind {
	case "":
		f.Next.ServeHTTP(w, request)
	case limited:
		pause := 0
		if number <= 2 { // more would only take time
			pause = 1
		}
		w.Header().Set("Retry-After", strconv.Itoa(pause))
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}`)
	case failed:
		w.WriteHeader(http.StatusInternalServerError)
	case cutBefore:
		panic(http.ErrAbortHandler)
	default:
		answer := httptest.NewRecorder()
		f.Next.ServeHTTP(answer, request)
		if kind == cutAnswer && answer.Body.Len() > 1 {
			for name, values := range answer.Header() {
				w.Header()[name] = values
			}
			w.Header().Set("Content-Length", strconv.Itoa(answer.Body.Len()))
			w.WriteHeader(answer.Code)
			_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
			_ = http.NewResponseController(w).Flush()
		}
		panic(http.ErrAbortHandler)
	}
}

// Check fails a test in which a kind of fault did not come.
func (f *Faulty) Check(t testing.TB) {
	t.Helper()
	f.lock.Lock()
	defer f.lock.Unlock()
	t.Logf("faults: %v", f.Faults)
	for _, kind := range []string{limited, failed, cutBefore, cutAfter, cutAnswer} {
		if f.Faults[kind] == 0 {
			t.Errorf("no fault was: %s", kind)
		}
	}
}
