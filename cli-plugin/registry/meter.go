package registry

import (
	"io"
	"net/http"
	"strings"
	"sync"
)

// Traffic is what a push came to.
type Traffic struct {
	Bytes    int64 `json:"uploadedBytes"` // with manifests, and again what was sent twice
	Uploaded int   `json:"uploadedLayers"`
	Mounted  int   `json:"mountedLayers"` // from another repository of the registry
	Present  int   `json:"presentLayers"` // there before
}

// Add adds more to t.
func (t *Traffic) Add(more Traffic) {
	t.Bytes += more.Bytes
	t.Uploaded += more.Uploaded
	t.Mounted += more.Mounted
	t.Present += more.Present
}

// meterKey is the key of a push's meter in the context of its requests: several
// pushes, and the end of what came before them, share connections.
type meterKey struct{}

// meter counts by the requests of the OCI distribution specification.
type meter struct {
	layers map[string]bool // digests of layers; configurations are blobs, too

	lock    sync.Mutex
	traffic Traffic
}

func (m *meter) roundTrip(next http.RoundTripper, request *http.Request) (*http.Response, error) {
	request = withBody(request, func(body io.ReadCloser) io.ReadCloser { return meteredBody{body, m} })
	response, err := next.RoundTrip(request)
	if err == nil {
		m.note(request, response.StatusCode)
	}
	return response, err
}

func (m *meter) note(request *http.Request, status int) {
	query := request.URL.Query()
	m.lock.Lock()
	defer m.lock.Unlock()
	switch {
	case request.Method == http.MethodPost && status == http.StatusCreated && m.layers[query.Get("mount")]:
		m.traffic.Mounted++
	case request.Method == http.MethodPut && status == http.StatusCreated && m.layers[query.Get("digest")] && !strings.Contains(request.URL.Path, "/manifests/"):
		m.traffic.Uploaded++
	}
}

// sum returns what was counted by now.
func (m *meter) sum() Traffic {
	m.lock.Lock()
	defer m.lock.Unlock()
	return m.traffic
}

// meteredBody counts what is sent.
type meteredBody struct {
	io.ReadCloser
	meter *meter
}

// Read implements io.Reader.
func (b meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.meter.lock.Lock()
	defer b.meter.lock.Unlock()
	b.meter.traffic.Bytes += int64(n)
	return n, err
}
