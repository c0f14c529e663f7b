package live

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// forge is what a company has inside its network: an index of Python packages,
// one of Node packages and git repositories, over HTTPS with a certificate
// that only the company's own authority vouches for. Containers reach it at the
// gateway of the engine's default network.
type forge struct {
	url       string // without a final slash
	authority []byte // certificate, PEM
	mux       *http.ServeMux
	repos     string
}

// newForge starts a forge. What is given stands before all that it offers.
func newForge(t *testing.T, before ...func(http.Handler) http.Handler) *forge {
	t.Helper()
	gateway := hostAddress(t)
	authority, certificate := certify(t, net.ParseIP(gateway))
	listener, err := net.Listen("tcp", net.JoinHostPort(gateway, "0"))
	if err != nil {
		t.Fatal(err)
	}
	f := &forge{authority: authority, mux: http.NewServeMux(), repos: t.TempDir()}
	handler := http.Handler(f.mux)
	for _, wrap := range before {
		handler = wrap(handler)
	}
	server := &httptest.Server{
		Listener: listener,
		Config:   &http.Server{Handler: handler},
		TLS:      &tls.Config{Certificates: []tls.Certificate{certificate}},
	}
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections() // Close waits for requests without a limit
		server.Close()
	})
	f.url = "https://" + listener.Addr().String()

	f.git(t, "config", "--file", "config", "http.receivepack", "true")
	core := strings.TrimSpace(f.git(t, "--exec-path"))
	f.mux.Handle("/git/", &cgi.Handler{
		Path: filepath.Join(core, "git-http-backend"), Root: "/git",
		Env: []string{"GIT_PROJECT_ROOT=" + f.repos, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=" + filepath.Join(f.repos, "config")},
	})
	return f
}

// certify makes an authority and its certificate for an address.
func certify(t *testing.T, address net.IP) (authority []byte, leaf tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(serial int64, template, parent *x509.Certificate) []byte {
		template.SerialNumber = big.NewInt(serial)
		template.NotBefore = time.Now().Add(-time.Hour)
		template.NotAfter = time.Now().Add(24 * time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	// OpenSSL goes by the name: an authority that is trusted already must not
	// have the same one.
	root := &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority " + rand.Text()},
		IsCA:    true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	rootDER := sign(1, root, root)
	leafDER := sign(2, &x509.Certificate{
		Subject:     pkix.Name{CommonName: "forge"},
		IPAddresses: []net.IP{address}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, root)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}),
		tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: key}
}

// trust makes a sandbox trust the forge as the certificates of a company get
// into an image: in the base's own bundle.
func (f *forge) trust(t *testing.T, s *sandbox) {
	t.Helper()
	if err := s.Upload(t.Context(), "/tmp/authority.pem", f.authority); err != nil {
		t.Fatal(err)
	}
	s.shell(t, "sudo sh -c 'cat /tmp/authority.pem >>/etc/ssl/certs/ca-certificates.crt'")
}

// git runs git on the folder of the repositories.
func (f *forge) git(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = f.repos
	cmd.Env = append(cmd.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// repository makes an empty repository and returns its address.
func (f *forge) repository(t *testing.T, name string) string {
	t.Helper()
	f.git(t, "init", "--quiet", "--bare", "--initial-branch", "main", name)
	return f.url + "/git/" + name
}

// pythonPackage offers a wheel in the simple repository (PEP 503).
func (f *forge) pythonPackage(name string, wheel []byte) {
	file := strings.ReplaceAll(name, "-", "_") + "-1.0-py3-none-any.whl"
	f.mux.HandleFunc("/simple/"+name+"/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!DOCTYPE html><a href="/files/%s">%[1]s</a>`, file)
	})
	f.mux.HandleFunc("/files/"+file, func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, file, time.Time{}, bytes.NewReader(wheel))
	})
}

// pythonIndex is what the packages are found with.
func (f *forge) pythonIndex() string { return f.url + "/simple" }

// nodePackage offers a package of one script, the program of the package's
// name, in the form of the npm registry.
func (f *forge) nodePackage(t *testing.T, name string, script []byte) {
	t.Helper()
	about := map[string]any{"name": name, "version": "1.0.0", "bin": map[string]string{name: "program.js"}}
	manifest, err := json.Marshal(about)
	if err != nil {
		t.Fatal(err)
	}
	archive := packNode(t, map[string][]byte{"package.json": manifest, "program.js": script})
	sum := sha512.Sum512(archive)
	about["dist"] = map[string]string{
		"tarball":   f.nodeIndex() + name + "/-/package.tgz",
		"integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
	}
	document, err := json.Marshal(map[string]any{
		"name": name, "dist-tags": map[string]string{"latest": "1.0.0"}, "versions": map[string]any{"1.0.0": about},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.mux.HandleFunc("/npm/"+name, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(document)
	})
	f.mux.HandleFunc("/npm/"+name+"/-/package.tgz", func(w http.ResponseWriter, _ *http.Request) { w.Write(archive) })
}

// nodeIndex is what the packages are found with.
func (f *forge) nodeIndex() string { return f.url + "/npm/" }

func packNode(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	archive := tar.NewWriter(compressed)
	for name, data := range files {
		if err := archive.WriteHeader(&tar.Header{Name: "package/" + name, Mode: 0o755, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	for _, end := range []func() error{archive.Close, compressed.Close} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}
