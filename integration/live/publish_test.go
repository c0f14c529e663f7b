package live

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document/documenttest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/google/go-cmp/cmp"
)

// meteredRegistry is a real registry behind a proxy that counts what comes in.
type meteredRegistry struct {
	*lab.Registry
	host  string // of the proxy
	data  string // folder of the registry
	proxy http.Handler

	lock    sync.Mutex
	sent    int64                 // bytes of blobs
	mounted int                   // blobs
	patched func(r *http.Request) // called before a blob comes; nil: not
}

func startMetered(t *testing.T, settings ...string) *meteredRegistry {
	t.Helper()
	dir := t.TempDir()
	registry, err := lab.StartRegistry(t.Context(), dir, t.Output(), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.Stop)
	m := &meteredRegistry{Registry: registry, data: filepath.Join(dir, "data")}
	m.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: registry.Host})
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			if r.StatusCode == http.StatusCreated && r.Request.URL.Query().Has("mount") {
				m.lock.Lock()
				defer m.lock.Unlock()
				m.mounted++
			}
			return nil
		},
	}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	m.host = server.Listener.Addr().String()
	return m
}

// ServeHTTP implements http.Handler.
func (m *meteredRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPatch {
		m.lock.Lock()
		m.sent += r.ContentLength
		patched := m.patched
		m.lock.Unlock()
		if patched != nil {
			patched(r)
		}
	}
	m.proxy.ServeHTTP(w, r)
}

// took returns what came in since the last call.
func (m *meteredRegistry) took() (sent int64, mounted int) {
	m.lock.Lock()
	defer m.lock.Unlock()
	sent, mounted, m.sent, m.mounted = m.sent, m.mounted, 0, 0
	return sent, mounted
}

func (m *meteredRegistry) beforeBlobs(do func(*http.Request)) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.patched = do
}

// tags are the names in the registry's own folder.
func (m *meteredRegistry) tags(t *testing.T, repository string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(m.data, "docker/registry/v2/repositories", repository, "_manifests/tags"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// login is a folder of docker's settings with a login of its own.
func login(t *testing.T, host, user, password string) {
	t.Helper()
	folder := os.Getenv("DOCKER_CONFIG")
	if folder == "" {
		folder = filepath.Join(os.Getenv("HOME"), ".docker")
	}
	own := t.TempDir()
	if err := os.Symlink(filepath.Join(folder, "cli-plugins"), filepath.Join(own, "cli-plugins")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", own)
	if password == "" {
		return
	}
	cmd := lab.Engine{}.Command(t.Context(), "login", "--username", user, "--password-stdin", host)
	cmd.Stdin = strings.NewReader(password)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

type pushed struct {
	References []string
	ID, Digest string
	Reused     bool
	Push       struct{ UploadedBytes, UploadedLayers, MountedLayers, PresentLayers int64 }
}

// publish runs a build that goes elsewhere than into the engine; with no
// engine where that is what it needs.
func publish(t *testing.T, engine lab.Engine, args ...string) []pushed {
	t.Helper()
	start := time.Now()
	cmd := engine.Command(t.Context(), append([]string{"openhands"}, append(args, "--json", "--progress", "plain")...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("docker openhands %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	t.Logf("docker openhands %s: %s", strings.Join(args, " "), time.Since(start).Round(10*time.Millisecond))
	var report struct{ Images []pushed }
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatalf("%v in %s", err, &stdout)
	}
	documenttest.Validate(t, "images", stdout.Bytes())
	return report.Images
}

// htpasswd is user "oh" with the password "secret".
const htpasswd = "oh:$2a$05$wfGp/VKsSsAtudA2c3SDQezWExbx5.08ur3BLE.DqeMd2Remn6aB.\n"

// TestPublish takes a payload and images over a base to a registry that wants
// a login, and from there into engines of both kinds.
func TestPublish(t *testing.T) {
	users := filepath.Join(t.TempDir(), "htpasswd")
	if err := os.WriteFile(users, []byte(htpasswd), 0o600); err != nil {
		t.Fatal(err)
	}
	registry := startMetered(t, "auth: {htpasswd: {realm: test, path: "+users+"}}")
	second := startRegistered(t, registry)
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // nothing is known of earlier pushes
	t.Setenv("OH_RUNTIME_RUNTIME_IMAGE_REPO", registry.host+"/team/runtime")
	nobody := lab.Engine{Host: "unix:///nonexistent/docker.sock"}
	small := leaveMost(t)

	login(t, registry.host, "", "")
	deps := strings.Fields(docker(t, append([]string{"openhands", "deps", "build", "--progress", "quiet"}, small...)...))
	cmd := lab.Engine{}.Command(t.Context(), append([]string{"openhands", "deps", "build", "--push", "--progress", "plain"}, small...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	checkProblem(t, cmd.Run(), stderr.String(), problem.RegistryDenied)
	if tags := registry.tags(t, "team/runtime"); len(tags) > 0 {
		t.Errorf("without a login there are the tags %q", tags)
	}
	login(t, registry.host, "oh", "secret")

	// The payload comes back to who never built it.
	payload := publish(t, lab.Engine{}, append([]string{"deps", "build", "--push"}, small...)...)[0]
	if len(payload.References) != 1 || payload.Push.UploadedLayers == 0 || !strings.HasPrefix(payload.References[0], registry.host+"/team/runtime:oh_deps_v") {
		t.Fatalf("the payload went as %+v, built as %q", payload, deps)
	}
	docker(t, "rmi", payload.References[0])
	if again := publish(t, lab.Engine{}, append([]string{"deps", "build"}, small...)...)[0]; !again.Reused || again.ID != payload.ID {
		t.Errorf("the payload of the registry is not used: %+v", again)
	}
	cleanup(t, lab.Engine{}, "rmi", payload.References[0])

	base := registry.host + "/lib/alpine:3.20"
	docker(t, "tag", "alpine:3.20", base)
	docker(t, "push", "--quiet", base)
	docker(t, "rmi", base)
	registry.took()

	// No engine, another repository: all that exists is mounted.
	over := append([]string{"build", "--base", base, "--push"}, small...)
	gzip := publish(t, nobody, append(over, "--tag", registry.host+"/me/app:1", "--tag", registry.host+"/you/app:1")...)
	if sent, mounted := registry.took(); sent > 32<<10 || mounted < 5 || gzip[1].Push.MountedLayers < 1 {
		t.Errorf("%d bytes were sent and %d blobs mounted: %+v", sent, mounted, gzip)
	}
	if tags := registry.tags(t, "team/runtime"); len(tags) != 1 {
		t.Errorf("the tags of the payload's repository are %q", tags)
	}
	if again := publish(t, nobody, append(over, "--tag", registry.host+"/me/app:1")...); !again[1].Reused {
		t.Errorf("the same again is %+v", again[1])
	}
	if sent, _ := registry.took(); sent > 0 {
		t.Errorf("the same again sends %d bytes", sent)
	}
	// zstd compresses the payload once.
	zstd := publish(t, nobody, append(over, "--tag", registry.host+"/me/app:zstd", "--compression", "zstd")...)
	if sent, _ := registry.took(); sent < 1<<20 {
		t.Errorf("zstd layers of the payload have %d bytes", sent)
	}
	if zstd[1].ID != gzip[1].ID {
		t.Errorf("the image is %s with zstd, %s without", zstd[1].ID, gzip[1].ID)
	}
	publish(t, nobody, append(over, "--tag", registry.host+"/me/app:agent", "--user", "agent", "--compression", "zstd")...)
	if sent, _ := registry.took(); sent > 32<<10 {
		t.Errorf("the next image with zstd sends %d bytes", sent)
	}

	// An engine that can pull zstd takes a payload that is there in no other form.
	publish(t, nobody, append(over, "--tag", registry.host+"/zstd/app:1", "--compression", "zstd")...)
	taken := publish(t, second.Engine, append([]string{"deps", "build", "--repository", registry.host + "/zstd/app"}, small...)...)
	if !taken[0].Reused {
		t.Errorf("the payload with zstd is not used: %+v", taken)
	}
	registry.took()

	// What runs extra commands needs the engine, and only its own layer goes.
	// The payload is where the last image went, and stage 1 cannot be built.
	t.Setenv("BUILDX_BUILDER", "none")
	extra := publish(t, lab.Engine{}, append(over, "--tag", registry.host+"/me/app:extra", "--extra-deps", "echo made >/made",
		"--repository", registry.host+"/nobody/runtime")...)
	cleanup(t, lab.Engine{}, "rmi", strings.Replace(payload.References[0], "/team/", "/nobody/", 1))
	cleanup(t, lab.Engine{}, "rmi", strings.Replace(payload.References[0], "/team/runtime", "/me/app", 1))
	cleanup(t, lab.Engine{}, "rmi", "--force", extra[1].ID)
	cleanup(t, lab.Engine{}, "rmi", base)
	if sent, _ := registry.took(); sent > 32<<10 {
		t.Errorf("the image with extra dependencies sends %d bytes", sent)
	}

	archive := filepath.Join(t.TempDir(), "app.tar")
	over[3] = "--output=type=docker,dest=" + archive
	written := publish(t, nobody, append(over, "--tag", "oh-live/publish:archive")...)
	over[3] = "--output=type=oci,dest=" + archive + ".oci"
	publish(t, nobody, append(over, "--tag", "oh-live/publish:oci")...)
	if entries, _ := os.ReadDir(filepath.Dir(archive)); len(entries) != 2 {
		t.Errorf("%d files beside the archives", len(entries)-2)
	}

	// Both kinds of engines hold the same files, whatever way they came.
	docker(t, "pull", "--quiet", registry.host+"/me/app:1")
	cleanup(t, lab.Engine{}, "rmi", registry.host+"/me/app:1")
	docker(t, "load", "--quiet", "--input", archive)
	for _, ref := range written[1].References {
		cleanup(t, lab.Engine{}, "rmi", ref)
	}
	if a, b := id(t, "oh-live/publish:archive"), id(t, registry.host+"/me/app:1"); a != b {
		t.Errorf("the archive has the image %s, the registry %s", a, b)
	}
	want := tree(t, lab.Engine{}, registry.host+"/me/app:1")
	// A base that only the second engine has comes out of its store.
	transfer(t, second.Engine, "alpine:3.20")
	publish(t, second.Engine, append([]string{"build", "--base", "alpine:3.20", "--push", "--tag", registry.host + "/second/app:1"}, small...)...)
	docker(t, "pull", "--quiet", registry.host+"/second/app:1")
	cleanup(t, lab.Engine{}, "rmi", registry.host+"/second/app:1")
	if diff := cmp.Diff(want, tree(t, lab.Engine{}, registry.host+"/second/app:1")); diff != "" {
		t.Errorf("files differ from the first engine (-) to the second (+):\n%s", diff)
	}
	for _, ref := range []string{registry.host + "/me/app:1", registry.host + "/me/app:zstd", "oh-live/publish:archive", "oh-live/publish:oci"} {
		t.Run(slug(strings.TrimPrefix(ref, registry.host)), func(t *testing.T) {
			var out string
			var err error
			switch {
			case strings.HasSuffix(ref, ":archive"):
				out, err = second.Docker(t.Context(), "load", "--input", archive)
			case strings.HasSuffix(ref, ":oci"):
				out, err = second.Docker(t.Context(), "load", "--input", archive+".oci")
			default:
				out, err = second.Docker(t.Context(), "pull", ref)
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if diff := cmp.Diff(want, tree(t, second.Engine, ref)); diff != "" {
				t.Errorf("files differ from the first engine (-) to the second (+):\n%s", diff)
			}
			out, err = second.Docker(t.Context(), "run", "--rm", "--network", "none", "--entrypoint", "sh", ref, "-c", "id -u openhands && oh-tmux -V")
			if err != nil {
				t.Fatal(err)
			}
			contains(t, out, "1000\ntmux ")
		})
	}
}

// startRegistered starts the second engine with the registry at the same
// address as here.
func startRegistered(t *testing.T, registry *meteredRegistry) *lab.SecondEngine {
	t.Helper()
	second, err := lab.NewSecondEngine(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	startSecond(t, second)
	listener, err := second.Listen(registry.host)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: registry}
	go func() { _ = server.Serve(listener) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	return second
}

// TestPushFails breaks off in the middle: no tag is given and nothing is left.
func TestPushFails(t *testing.T) {
	loadSmallDeps(t, lab.Engine{})
	base := smallBase(t, "one")
	for name, test := range map[string]struct {
		fail func(t *testing.T, registry *meteredRegistry, plugin <-chan *os.Process)
		code problem.Code
	}{
		"interrupted": {func(t *testing.T, registry *meteredRegistry, plugin <-chan *os.Process) {
			var once sync.Once // docker ends at the third
			registry.beforeBlobs(func(*http.Request) { once.Do(func() { _ = (<-plugin).Signal(syscall.SIGINT) }) })
		}, problem.Interrupted},
		"registry ends": {func(t *testing.T, registry *meteredRegistry, _ <-chan *os.Process) {
			registry.beforeBlobs(func(*http.Request) { _ = syscall.Kill(registry.PID(), syscall.SIGKILL) })
		}, problem.RegistryFailed},
		"disk full": {func(t *testing.T, registry *meteredRegistry, _ <-chan *os.Process) {
			if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "none", registry.data).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			t.Cleanup(func() { _ = syscall.Unmount(registry.data, syscall.MNT_DETACH) })
		}, problem.DiskFull},
	} {
		t.Run(name, func(t *testing.T) {
			registry := startMetered(t)
			cache := t.TempDir()
			t.Setenv("XDG_CACHE_HOME", cache)
			if err := os.MkdirAll(registry.data, 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := lab.Engine{}.Command(t.Context(), "openhands", "build", "--base", base, "--deps-image", smallDeps, "--push",
				"--repository", registry.host+"/app", "--progress", "plain")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			started := make(chan *os.Process, 1)
			test.fail(t, registry, started)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			started <- cmd.Process
			checkProblem(t, cmd.Wait(), stderr.String(), test.code)
			if tags := registry.tags(t, "app"); len(tags) > 0 {
				t.Errorf("the registry has the tags %q", tags)
			}
			_ = filepath.WalkDir(filepath.Join(cache, "docker-openhands", "leases"), func(name string, entry fs.DirEntry, err error) error {
				if err == nil && !entry.IsDir() {
					t.Errorf("%s is left", name)
				}
				return err
			})
		})
	}
}
