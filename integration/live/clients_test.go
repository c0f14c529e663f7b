package live

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/agentserver"
	"github.com/docker-openhands/docker-openhands/integration/clients"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/integration/runtimeapi"
)

// started is a server that one of OpenHands' own clients has started.
type started struct {
	image string

	bash     func(command string) (agentserver.Output, error)
	converse func(model string, tools ...string) error
	stop     func() error
}

type startedCheck = check[*started]

// TestClients has each of OpenHands' clients start an image: the published
// classes themselves, or where a cluster or another machine would be, what those
// are asked for. OH_BENCHMARKS names a checkout of OpenHands/benchmarks, which is
// a client on no index.
func TestClients(t *testing.T) {
	checks := []startedCheck{
		{"bash", checkClientBash},
		{"terminal and browser", checkClientAgent},
		{"stop", checkClientStop}, // last
	}
	modes := []mode[*started]{
		{name: "DockerWorkspace", on: []string{"scratch"}, start: byDockerWorkspace, checks: checks},
		{name: "DockerDevWorkspace", on: []string{"alpine:3.20"}, start: byDevWorkspace, checks: checks},
		{name: "application", on: []string{"alpine:3.20"}, start: byApplication, checks: checks},
		{name: "Enterprise", on: []string{"scratch"}, start: byEnterprise, checks: checks},
		{name: "APIRemoteWorkspace, binary", on: []string{"alpine:3.20"}, start: byRemoteWorkspace("binary"), checks: checks},
		{name: "APIRemoteWorkspace, source", on: []string{"scratch"}, start: byRemoteWorkspace("source"), checks: checks},
		{name: "orchestrator", on: []string{"scratch"}, start: byOrchestrator, checks: checks[1:]},
		{name: "deferred", on: []string{"alpine:3.20"}, start: byDeferredInit, checks: checks},
		{name: "FROM the image", on: []string{"scratch"}, start: byDockerfile(onTop), checks: checks},
		{name: "COPY --from the image", on: []string{"alpine:3.20"}, start: byDockerfile(thinLayer), checks: checks},
		{name: "ApptainerWorkspace", on: []string{"alpine:3.20"}, start: byApptainer, checks: checks},
	}
	if checkout := os.Getenv("OH_BENCHMARKS"); checkout != "" {
		modes = append(modes, mode[*started]{name: "benchmarks", on: []string{"alpine:3.20"}, start: byBenchmarks(checkout), checks: checks})
	}
	suite[*started]{
		title: "OpenHands' clients of the agent server",
		about: "Each image was started by the client itself, from the published wheels, or by a stand-in for the cluster " +
			"that the client asks; [clients.md](clients.md) has what is real and what stands in. An agent in a conversation " +
			"calls terminal and browser; a stand-in for the model says what it does.",
		bases: bases,
		flags: []string{"--server", "agent-server"},
		modes: modes,
	}.run(t)
}

// clientLimit is how long a client may take for everything that it is asked for.
const clientLimit = 15 * time.Minute

// startClient has a client start an image, and takes away at the test's end what
// the client left.
func startClient(t *testing.T, image string, driver clients.Driver, request map[string]any) *started {
	t.Helper()
	log, err := os.Create(artifacts(t, "logs", slug(t.Name())+".client.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	driver.Folder, driver.Log = filepath.Join("..", "clients"), log
	ctx, cancel := context.WithTimeout(t.Context(), clientLimit)
	t.Cleanup(cancel)
	s := &started{image: image}
	t.Cleanup(func() { s.remove(t) })
	client, err := driver.Start(ctx, request)
	if err != nil {
		t.Fatalf("%v\nThe last lines of the client's log:\n%s", err, lastLines(log.Name()))
	}
	t.Logf("healthy after %.1f s", client.Seconds)
	s.bash, s.converse, s.stop = client.Bash, client.Converse, client.Stop
	return s
}

func lastLines(path string) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	return text[max(0, len(text)-6000):]
}

// containers are those of the image that are there, in whatever state.
func (s *started) containers(t *testing.T) []string {
	t.Helper()
	out, err := lab.Engine{}.Docker(context.WithoutCancel(t.Context()), "ps", "--all", "--quiet", "--filter", "ancestor="+s.image)
	if err != nil {
		t.Error(err)
	}
	return strings.Fields(out)
}

func (s *started) remove(t *testing.T) {
	t.Helper()
	if left := s.containers(t); len(left) > 0 {
		if _, err := (lab.Engine{}).Docker(context.WithoutCancel(t.Context()), append([]string{"rm", "--force", "--volumes"}, left...)...); err != nil {
			t.Error(err)
		}
	}
}

func platform() string { return "linux/" + runtime.GOARCH }

// dockerOfWorkspaces returns the variables by which DockerWorkspace finds a
// docker that works: the class asks for 65536 open files, which an engine with
// a lower limit of its own and without CAP_SYS_RESOURCE refuses.
func dockerOfWorkspaces(t *testing.T, image string) []string {
	t.Helper()
	_, err := lab.Engine{}.Docker(t.Context(), "run", "--rm", "--ulimit", "nofile=65536:65536", "--entrypoint", "/openhands/bin/oh-init", image, "--help")
	switch {
	case err == nil:
		return nil
	case !strings.Contains(err.Error(), "rlimit"):
		t.Fatal(err)
	}
	t.Log("the engine may not raise its limit of open files: DockerWorkspace's --ulimit is left out")
	limited, err := filepath.Abs(filepath.Join("..", "clients", "limited"))
	if err != nil {
		t.Fatal(err)
	}
	docker, err := exec.LookPath("docker")
	if err != nil {
		t.Fatal(err)
	}
	return []string{"PATH=" + limited + ":" + os.Getenv("PATH"), "DOCKER=" + docker}
}

func byDockerWorkspace(t *testing.T, _, image string) *started {
	t.Helper()
	driver := clients.Driver{Wheels: clients.SDK, Program: "sdk", Env: append(dockerOfWorkspaces(t, image), agentKey)}
	return startClient(t, image, driver, map[string]any{"image": image, "platform": platform()})
}

// byDevWorkspace gives the client a base. The image that the client has built
// is the one that the suite has built under another name.
func byDevWorkspace(t *testing.T, base, image string) *started {
	t.Helper()
	example, err := filepath.Abs(filepath.Join("..", "..", "docs", "examples", "devworkspace"))
	if err != nil {
		t.Fatal(err)
	}
	driver := clients.Driver{Wheels: clients.SDK, Program: "dev", Env: append(dockerOfWorkspaces(t, image), agentKey, "PYTHONPATH="+example)}
	return startClient(t, image, driver, map[string]any{"base": base, "platform": platform()})
}

// byApplication has the application's sandbox service start the image as its
// two variables name it.
func byApplication(t *testing.T, _, image string) *started {
	t.Helper()
	driver := clients.Driver{Wheels: clients.Application, Program: "application", Env: append(applicationEnv(t, image),
		// Two starts share the cores of the machine here.
		"SANDBOX_STARTUP_GRACE_SECONDS=300",
	)}
	return startClient(t, image, driver, map[string]any{})
}

func applicationEnv(t *testing.T, image string) []string {
	repository, tag, _ := strings.Cut(image, ":")
	return []string{
		"AGENT_SERVER_IMAGE_REPOSITORY=" + repository, "AGENT_SERVER_IMAGE_TAG=" + tag, "OH_PERSISTENCE_DIR=" + t.TempDir(),
		// An application that finds itself in a container, as where these tests
		// run in one, looks for localhost at host.docker.internal.
		"SANDBOX_CONTAINER_URL_PATTERN=http://127.0.0.1:{port}",
	}
}

// serveRuntimeAPI starts a stand-in for the runtime API.
func serveRuntimeAPI(t *testing.T) (api *httptest.Server, key string) {
	key = "a key of the runtime API"
	api = httptest.NewServer(&runtimeapi.Server{Prefix: "oh-live-" + slug(t.Name()), Key: key})
	t.Cleanup(api.Close)
	return api, key
}

// byEnterprise has the application ask a runtime API, as Enterprise does.
func byEnterprise(t *testing.T, _, image string) *started {
	t.Helper()
	api, key := serveRuntimeAPI(t)
	driver := clients.Driver{Wheels: clients.Application, Program: "application", Env: append(applicationEnv(t, image),
		"RUNTIME=remote", "SANDBOX_REMOTE_RUNTIME_API_URL="+api.URL, "SANDBOX_API_KEY="+key)}
	return startClient(t, image, driver, map[string]any{})
}

func byRemoteWorkspace(target string) func(t *testing.T, base, image string) *started {
	return func(t *testing.T, _, image string) *started {
		t.Helper()
		api, key := serveRuntimeAPI(t)
		driver := clients.Driver{Wheels: clients.SDK, Program: "remote"}
		return startClient(t, image, driver, map[string]any{"image": image, "api": api.URL, "key": key, "target": target})
	}
}

// byOrchestrator starts the wheel's own agent server on this machine, as a user
// who is not root.
func byOrchestrator(t *testing.T, _, image string) *started {
	t.Helper()
	who, folder := unprivileged(t)
	driver := clients.Driver{Wheels: clients.SDK, Program: "orchestrator", As: who, Env: []string{"HOME=" + folder}}
	return startClient(t, image, driver, map[string]any{"image": image, "folder": folder})
}

// unprivileged returns how to become a user without an account who may use the
// engine and read the wheels, and a folder of that user's. A user who is not
// root needs to become nobody else.
func unprivileged(t *testing.T) (*syscall.SysProcAttr, string) {
	t.Helper()
	// Not t.TempDir: others may not enter the folders above it.
	folder, err := os.MkdirTemp("", "oh-live-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	if os.Getuid() != 0 {
		return nil, folder
	}
	const id = 4242
	if err := os.Chown(folder, id, id); err != nil {
		t.Fatal(err)
	}
	var socket syscall.Stat_t
	if err := syscall.Stat("/var/run/docker.sock", &socket); err != nil {
		t.Fatal(err)
	}
	const capDACReadSearch = 2 // for the wheels in root's cache
	return &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: id, Gid: id, Groups: []uint32{socket.Gid}},
		AmbientCaps: []uintptr{capDACReadSearch},
	}, folder
}

// byBenchmarks builds the image under the name that the benchmark computes for
// an instance.
func byBenchmarks(checkout string) func(t *testing.T, base, image string) *started {
	return func(t *testing.T, base, image string) *started {
		t.Helper()
		name := "oh-live/eval:" + slug(t.Name()) + "-sweb.eval.x86_64.django_1776_django-12155-source-minimal"
		docker(t, "openhands", "build", "--server", "agent-server", "--base", base, "--tag", name, "--load", "--progress", "quiet")
		cleanup(t, lab.Engine{}, "rmi", name)
		driver := clients.Driver{Wheels: clients.Benchmarks, Program: "benchmarks", Env: append(dockerOfWorkspaces(t, image),
			agentKey, "PYTHONPATH="+checkout, "IMAGE_TAG_PREFIX="+slug(t.Name()), "OPENHANDS_EVAL_AGENT_SERVER_IMAGE=oh-live/eval")}
		return startClient(t, image, driver, map[string]any{"instance": "django__django-12155"})
	}
}

// startByHand starts an image where the client is somebody who calls docker run.
func startByHand(t *testing.T, image string, options []string, args ...string) (*started, *agent) {
	t.Helper()
	name := "oh-live-" + slug(t.Name())
	s := &started{image: image}
	t.Cleanup(func() { s.remove(t) })
	docker(t, slices.Concat([]string{"run", "--detach", "--name", name, "--publish", "127.0.0.1::8000"}, options, []string{image}, args)...)
	url := "http://" + strings.Fields(docker(t, "port", name, "8000/tcp"))[0]
	a := &agent{container: name, Client: &agentserver.Client{URL: url, Key: sessionKey}}
	a.wait(t, a.Healthy)
	s.bash = func(command string) (agentserver.Output, error) { return a.Bash(t.Context(), command) }
	s.converse = func(model string, tools ...string) error { return a.Client.Converse(t.Context(), model, tools...) }
	s.stop = func() error {
		_, err := lab.Engine{}.Docker(t.Context(), "stop", "--time", "30", name)
		if err == nil {
			_, err = lab.Engine{}.Docker(t.Context(), "rm", "--volumes", name)
		}
		return err
	}
	return s, a
}

// byDeferredInit does what the operator of a warm pool does: the server starts
// without its user, who comes later.
func byDeferredInit(t *testing.T, _, image string) *started {
	t.Helper()
	const secret = "a secret of the pool"
	s, a := startByHand(t, image, []string{"--env", "OH_DEFERRED_INIT=true", "--env", "OH_SECRET_KEY=" + secret}, "--host", "0.0.0.0", "--port", "8000")
	url := a.URL
	// What it is ready for is its user.
	if status := get(t, url+"/ready"); status != http.StatusOK {
		t.Fatalf("/ready of a dormant server answers %d", status)
	}
	if _, err := a.Bash(t.Context(), "id"); err == nil || !strings.Contains(err.Error(), "503") {
		t.Fatalf("a dormant server answers %v", err)
	}
	body, err := json.Marshal(map[string]any{"session_api_keys": []string{sessionKey}, "env": map[string]string{"OF_THE_USER": "größe"}})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/init", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Init-API-Key", secret)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if answer, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("/api/init answers %s: %s, %v", response.Status, answer, err)
	}
	if _, err := (&agentserver.Client{URL: url, Key: "another key"}).Bash(t.Context(), "id"); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a wrong key gets %v", err)
	}
	return s
}

// byDockerfile builds an image on top of ours, or out of it, and starts that.
func byDockerfile(dockerfile string) func(t *testing.T, base, image string) *started {
	return func(t *testing.T, base, image string) *started {
		t.Helper()
		tag := "oh-live/" + slug(t.Name())
		build := lab.Engine{}.Command(t.Context(), "build", "--quiet", "--tag", tag, "--build-arg", "AGENT_SERVER_IMAGE="+image, "--build-arg", "BASE_IMAGE="+base, "-")
		build.Stdin = strings.NewReader(dockerfile)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		cleanup(t, lab.Engine{}, "rmi", tag)
		s, _ := startByHand(t, tag, []string{"--env", agentKey}, "--host", "0.0.0.0", "--port", "8000")
		return s
	}
}

// onTop is a Dockerfile like that of Agent Canvas.
const onTop = `ARG AGENT_SERVER_IMAGE
FROM ${AGENT_SERVER_IMAGE}
USER root
RUN mkdir -p /opt/canvas && echo "a page" >/opt/canvas/index.html && chown -R openhands:openhands /opt/canvas
USER openhands
ENV CANVAS=/opt/canvas
EXPOSE 3000
`

// thinLayer is a Dockerfile like that of the thin layers of OpenHands/benchmarks.
// /agent-server leads to /openhands, and the base has neither an account nor a
// workspace.
const thinLayer = `ARG AGENT_SERVER_IMAGE
ARG BASE_IMAGE
FROM ${AGENT_SERVER_IMAGE} AS builder
FROM ${BASE_IMAGE}
COPY --from=builder /openhands /openhands
COPY --chown=10001:10001 --from=builder /agent-server /agent-server
COPY --chown=10001:10001 --from=builder /workspace /workspace
USER 10001
ENTRYPOINT ["/agent-server/.venv/bin/python", "-m", "openhands.agent_server"]
`

func get(t *testing.T, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// byApptainer unpacks an image as Apptainer does for a user who is not root:
// every file is that user's.
func byApptainer(t *testing.T, _, image string) *started {
	t.Helper()
	who, folder := unprivileged(t)
	unpacked := filepath.Join(folder, "image")
	if err := lab.ExportImage(t.Context(), image, filepath.Join(unpacked, "rootfs")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(unpacked, "session"), 0o755); err != nil {
		t.Fatal(err)
	}
	for file, format := range map[string]string{
		"entrypoint":  "{{range .Config.Entrypoint}}{{println .}}{{end}}",
		"environment": "{{range .Config.Env}}{{println .}}{{end}}",
	} {
		lines := strings.TrimSpace(docker(t, "image", "inspect", "--format", format, image))
		if err := os.WriteFile(filepath.Join(unpacked, file), []byte(lines), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if who != nil {
		id := strconv.Itoa(int(who.Credential.Uid))
		if out, err := exec.CommandContext(t.Context(), "chown", "--recursive", "--no-dereference", id+":"+id, unpacked).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	bin, err := filepath.Abs(filepath.Join("..", "clients", "bin"))
	if err != nil {
		t.Fatal(err)
	}
	driver := clients.Driver{Wheels: clients.SDK, Program: "apptainer", As: who,
		Env: []string{"HOME=" + folder, "PATH=" + bin + ":" + os.Getenv("PATH"), agentKey, "SESSION_API_KEY=" + sessionKey}}
	return startClient(t, image, driver, map[string]any{"image": unpacked, "folder": filepath.Join(folder, "cache")})
}

func checkClientBash(t *testing.T, s *started) {
	out, err := s.bash(`echo "user $((0 + $(id -u)))"; echo "größe $HOME" >&2; echo x >"$HOME/x" && exit 3`)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, out.Stdout, "user ")
	contains(t, out.Stderr, "größe /")
	if out.ExitCode != 3 {
		t.Errorf("exit status %d, want 3: %s", out.ExitCode, out.Stderr)
	}
}

// checkClientAgent has an agent write a page, serve it, and read it in its browser.
func checkClientAgent(t *testing.T, s *started) {
	quoted, err := json.Marshal(agentPage)
	if err != nil {
		t.Fatal(err)
	}
	serve := fmt.Sprintf(`mkdir -p /tmp/site && cd /tmp/site && python3 -c 'import json; open("index.html","w").write(json.loads(input()))' <<'END'
%s
END
(python3 -m http.server --bind 127.0.0.1 18123 >/dev/null 2>&1 &); echo "served by $(id -u)"`, quoted)
	model := agentserver.NewModel(
		terminal(serve),
		agentserver.Action{Tool: "browser_navigate", Arguments: map[string]any{"url": "http://127.0.0.1:18123/"}},
		agentserver.Action{Tool: "browser_get_content", Arguments: map[string]any{"extract_links": false, "start_from_char": 0}})
	if err := s.converse(serveToContainers(t, model), "terminal", "browser_tool_set"); err != nil {
		t.Fatalf("%v\nthe tools said %q", err, model.Results())
	}
	said := model.Results()
	if len(said) < 3 {
		t.Fatalf("%d of 3 actions were carried out: %q", len(said), said)
	}
	contains(t, said[0], "served by ")
	if strings.Contains(said[0], "not found") {
		t.Errorf("the terminal calls a program that is not there: %s", said[0])
	}
	contains(t, said[2], "größe 42")
}

// checkClientStop stops the server as its client does. The engine had to kill
// nothing, and nothing is left.
func checkClientStop(t *testing.T, s *started) {
	running, before := s.containers(t), time.Now()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if left := s.containers(t); len(left) > 0 {
		t.Errorf("containers are left: %q", left)
	}
	for _, container := range running {
		status := docker(t, "events", "--since", unix(before), "--until", unix(time.Now().Add(time.Second)),
			"--filter", "container="+container, "--filter", "event=die", "--format", "{{.Actor.Attributes.exitCode}}")
		if status == "" || status == "137" {
			t.Errorf("the server did not end on SIGTERM: status %q", status)
		}
	}
}

func unix(moment time.Time) string { return strconv.FormatInt(moment.Unix(), 10) }
