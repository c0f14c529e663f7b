package live

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// faultyRegistry is a registry in which the first part of a repository's name
// is what goes wrong with it. As a Python index, it goes wrong by the first
// part of the path.
type faultyRegistry struct {
	host  string // on loopback, so that engines need no certificate
	store http.Handler
}

// Faults beside the statuses that are sent as they are, such as "500".
const (
	faultHang    = "hang"    // no answer
	faultHalfway = "halfway" // layers end in the middle, the connection stays
	faultCut     = "cut"     // the connection is closed instead of an answer
	faultGarbage = "garbage" // no manifest
	faultNone    = "none"
)

func startFaultyRegistry(t *testing.T) *faultyRegistry {
	t.Helper()
	r := &faultyRegistry{store: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections) // first, or Close waits for requests that hang
	r.host = strings.TrimPrefix(server.URL, "http://")
	return r
}

// ServeHTTP implements http.Handler.
func (r *faultyRegistry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	parts := strings.Split(strings.TrimPrefix(request.URL.Path, "/v2"), "/")
	fault := parts[1]
	reading := request.Method == http.MethodGet || request.Method == http.MethodHead
	status, _ := strconv.Atoi(fault) // 0: another fault
	switch {
	case fault == "" || !reading:
		r.store.ServeHTTP(w, request)
	case fault == faultHang:
		<-request.Context().Done()
	case fault == faultHalfway && strings.Contains(request.URL.Path, "/blobs/"):
		r.halfway(w, request)
	case fault == faultCut:
		panic(http.ErrAbortHandler)
	case fault == faultGarbage:
		fmt.Fprintln(w, "<html>Welcome</html>")
	case status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(status)
	case status != 0:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"as ordered"}]}`, map[int]string{
			http.StatusForbidden: "DENIED", http.StatusNotFound: "MANIFEST_UNKNOWN", http.StatusTooManyRequests: "TOOMANYREQUESTS",
		}[status])
	default:
		r.store.ServeHTTP(w, request)
	}
}

// halfway sends a small blob, which a configuration is, and half of others.
func (r *faultyRegistry) halfway(w http.ResponseWriter, request *http.Request) {
	whole := httptest.NewRecorder()
	r.store.ServeHTTP(whole, request)
	body := whole.Body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(whole.Code)
	if len(body) < 4<<10 {
		_, _ = w.Write(body) // the other side may be gone
		return
	}
	_, _ = w.Write(body[:len(body)/2])
	w.(http.Flusher).Flush()
	<-request.Context().Done()
}

// push puts an image into the registry; it is of the architecture arch, and
// the only one of an index.
func (r *faultyRegistry) push(t *testing.T, repository, arch string) (ref string) {
	t.Helper()
	noise := make([]byte, 64<<10) // does not get smaller by compression
	_, _ = rand.Read(noise)
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: arch})
	if err != nil {
		t.Fatal(err)
	}
	if image, err = mutate.AppendLayers(image, layer(t, []entry{{name: "/noise", mode: 0o644, data: noise}})); err != nil {
		t.Fatal(err)
	}
	ref = r.host + "/" + repository + ":1"
	parsed, err := name.ParseReference(ref, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
	})
	if err := remote.WriteIndex(parsed, index, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	return ref
}

// ownAddress is an address of this machine that is not on loopback.
func ownAddress(t *testing.T) net.IP {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.IsGlobalUnicast() && network.IP.To4() != nil {
			return network.IP
		}
	}
	t.Fatalf("%v: only loopback", addresses)
	return nil
}

// startExpiredRegistry is a registry whose certificate was good last year. It
// is not on loopback, where engines go without TLS.
func startExpiredRegistry(t *testing.T) (host string) {
	t.Helper()
	address := ownAddress(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	year := 365 * 24 * time.Hour
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{address},
		NotBefore: time.Now().Add(-2 * year), NotAfter: time.Now().Add(-year),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(address.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler:   http.NotFoundHandler(),
		ErrorLog:  log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}},
	}
	go func() { _ = server.ServeTLS(listener, "", "") }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}
