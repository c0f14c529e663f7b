package client

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Start is how a client starts a container of an image. What it leaves out is
// the image's own or the engine's default.
type Start struct {
	Client string // Client.Name
	Way    string // of a client that has several, for people; empty: the usual one

	Entrypoint []string // in the place of the image's; nil: the image's, empty: none
	Command    []string
	User       string // USER:GROUP
	Group      string // further group, that of file systems in a pod
	WorkingDir string
	Env        []payload.Var // beside the key of callers
	Init       bool          // the engine's init is process 1

	Port   uint16   // at which the server listens
	Editor uint16   // of VS Code; 0: the client does not publish it
	Ports  []uint16 // further ones that are published
	Hosts  []string // HOST:IP

	Confinement
	Volumes []Volume

	Grace     time.Duration // that the server has until it answers
	Longer    string        // what a user sets for a longer one; empty: nothing can be set
	StandsFor string        // what the container of an engine is in the place of, for people; empty: the client starts one
}

// Confinement is what a client takes from a container that engines give.
type Confinement struct {
	NoCapabilities  bool
	NoNewPrivileges bool
	ReadOnly        bool  // the image's files
	Memory          int64 // bytes; 0: no limit
	CPUs            float64
	Processes       int64 // 0: no limit
	OpenFiles       int64 // 0: the engine's limit
	NoCores         bool
}

// Volume is an empty folder that a client mounts: a folder of the host or of a
// cluster, of whose owner and mode nothing is the image's.
type Volume struct {
	Path     string
	UID, GID int
	Mode     string // as chmod(1) has it
	Size     int64  // bytes; 0: no limit
}

// Name is what users call the start.
func (s Start) Name() string {
	if s.Way == "" {
		return s.Client
	}
	return s.Client + ", " + s.Way
}

// Starts are the ways in which the client starts an image.
func (c Client) Starts(img Image) []Start {
	starts := c.starts(img)
	for i := range starts {
		starts[i].Client = c.Name
	}
	return starts
}

// hostGateway is a name for the machine of the engine.
const hostGateway = "host.docker.internal:host-gateway"

// Arguments of the agent server with which most clients start it.
func listenEverywhere() []string { return []string{"--host", "0.0.0.0", "--port", "8000"} }

// sandboxVariables are those that the application sets in every sandbox,
// wherever that runs, and further ones of the place. Two servers of the user's
// can listen at the ports of the workers.
func sandboxVariables(worker1, worker2 string, further ...payload.Var) []payload.Var {
	return append([]payload.Var{
		{Name: "OPENVSCODE_SERVER_ROOT", Value: payload.VSCodeServer},
		{Name: "OH_ENABLE_VNC", Value: "0"},
		{Name: "LOG_JSON", Value: "true"},
		{Name: "OH_CONVERSATIONS_PATH", Value: "/workspace/conversations"},
		{Name: "OH_BASH_EVENTS_DIR", Value: "/workspace/bash_events"},
		{Name: "WORKER_1", Value: worker1},
		{Name: "WORKER_2", Value: worker2},
	}, further...)
}

// startApplication is app_server/sandbox/docker_sandbox_spec_service.py and
// docker_sandbox_service.py of openhands-ai 1.11.0.
func startApplication(Image) []Start {
	return []Start{{
		Command: []string{"--port", "8000"}, WorkingDir: "/workspace/project", Init: true,
		Env: sandboxVariables("8011", "8012",
			payload.Var{Name: "PYTHONUNBUFFERED", Value: "1"}, payload.Var{Name: "ENV_LOG_LEVEL", Value: "20"}),
		Port: 8000, Editor: 8001, Ports: []uint16{8011, 8012}, Hosts: []string{hostGateway},
		Grace: 15 * time.Second, Longer: "SANDBOX_STARTUP_GRACE_SECONDS",
	}}
}

// dockerWorkspace is workspace/docker/workspace.py of openhands-workspace 1.58.2,
// with extra_ports, without which VS Code is not published.
func dockerWorkspace() Start {
	return Start{
		Command: listenEverywhere(), Port: 8000, Editor: 8001,
		Confinement: Confinement{OpenFiles: 65536},
		Grace:       2 * time.Minute, Longer: "health_check_timeout",
	}
}

func startSDK(Image) []Start { return []Start{dockerWorkspace()} }

// apiRemoteWorkspace is workspace/remote_api/workspace.py of openhands-workspace
// 1.58.2, which asks a runtime API for a pod.
func apiRemoteWorkspace(way string, server ...string) Start {
	return Start{
		Way: way, Entrypoint: append(server, "--port", "60000"),
		User: "10001", Group: "10001", WorkingDir: "/", Port: 60000,
		Grace: 5 * time.Minute, Longer: "startup_wait_timeout",
		StandsFor: "a pod of a runtime API, without its runtime class and resources",
	}
}

// startBenchmarks is swebench/run_infer.py of OpenHands/benchmarks of June 2026:
// its two kinds of workspaces, the second with the target source.
func startBenchmarks(Image) []Start {
	return []Start{dockerWorkspace(), apiRemoteWorkspace("remote", payload.PythonEntrance, "-m", payload.AgentServerModule)}
}

// startEnterprise is app_server/sandbox/remote_sandbox_spec_service.py and
// remote_sandbox_service.py of openhands-ai 1.11.0; pools of the Helm chart
// openhands start the same.
func startEnterprise(Image) []Start {
	return []Start{{
		Entrypoint: []string{payload.AgentServerEntrance, "--port", "60000"},
		User:       "10001:10001", Group: "10001", WorkingDir: payload.Workspace,
		Env:  sandboxVariables("12000", "12001", payload.Var{Name: "OH_VSCODE_PORT", Value: "60001"}),
		Port: 60000, Editor: 60001, Ports: []uint16{12000, 12001},
		Volumes: []Volume{podVolume(payload.Workspace)},
		Grace:   2 * time.Minute, Longer: "start_sandbox_timeout",
		StandsFor: "a pod of a cluster, without sysbox and the cluster's policies",
	}}
}

// podVolume is an empty volume of a pod with the file system group 10001.
func podVolume(path string) Volume { return Volume{Path: path, GID: 10001, Mode: "2777"} }

// startKubernetes is the pod that "use kubernetes" prints.
func startKubernetes(Image) []Start {
	return []Start{{
		Command: listenEverywhere(), User: "10001:10001", Group: "10001", Port: 8000,
		Volumes: []Volume{podVolume(payload.Workspace)},
		Grace:   2 * time.Minute, Longer: "failureThreshold of the startupProbe",
		StandsFor: "a pod, without a cluster's policies",
	}}
}

// startApptainer is workspace/apptainer/workspace.py of openhands-workspace
// 1.58.2. Its options --fakeroot --compat give one user ID that looks like root,
// no privileges, and 64 MiB of memory for all that is written, in an image that
// is read-only below. In a container of an engine the files of other accounts
// are not that user's, so that what a sandbox writes to is mounted.
func startApptainer(Image) []Start {
	const memory = 64 << 20
	start := Start{
		Command: listenEverywhere(), User: "0:0", Port: 8000,
		Confinement: Confinement{NoCapabilities: true, NoNewPrivileges: true, ReadOnly: true},
		Grace:       2 * time.Minute, Longer: "health_check_timeout",
		StandsFor: "Apptainer, as root without capabilities over a read-only image",
	}
	for _, path := range []string{"/root", "/run", "/tmp", "/var/tmp", payload.Workspace} {
		start.Volumes = append(start.Volumes, Volume{Path: path, Mode: "1777", Size: memory})
	}
	return []Start{start}
}

// Folders of a container that an agent server starts.
const (
	persistence   = "/var/openhands/.openhands"
	conversations = "/var/openhands/conversations"
)

// startCanvas is agent_server/docker_runtime/registry.py and config.py of
// openhands-agent-server 1.58.2. The user is that of the server that starts the
// other one; here the first one that most systems have. It sets a key for secrets
// (OH_SECRET_KEY), too, in whose place a server takes that of its callers.
func startCanvas(Image) []Start {
	const id = 1000
	start := Start{
		Command: listenEverywhere(), User: "1000:1000", Port: 8000, Hosts: []string{hostGateway},
		Env: []payload.Var{
			{Name: "HOME", Value: persistence},
			{Name: "OH_CONVERSATIONS_PATH", Value: conversations},
			{Name: "OH_PERSISTENCE_DIR", Value: persistence},
			{Name: "OH_CONVERSATION_RUNTIME", Value: "local"},
			{Name: "OH_ENABLE_BROWSER", Value: "1"},
		},
		Confinement: Confinement{NoCapabilities: true, NoNewPrivileges: true, Memory: 4 << 30, CPUs: 2, Processes: 512, NoCores: true},
		Grace:       2 * time.Minute, Longer: "OH_CONVERSATION_CONTAINER_STARTUP_TIMEOUT",
	}
	for _, path := range []string{conversations + "/" + strings.Repeat("0", 32), persistence, payload.Workspace} {
		start.Volumes = append(start.Volumes, Volume{Path: path, UID: id, GID: id, Mode: "700"})
	}
	return []Start{start}
}

// startV0 is runtime/impl/docker/docker_runtime.py of openhands-ai 1.6.0, for
// somebody who may want VS Code. Its ports are random.
func startV0(img Image) []Start {
	return []Start{{
		Entrypoint: []string{}, Command: V0Command(img.Labels.User, payload.Workspace, 30000, "agent_skills", "jupyter", "vscode"),
		WorkingDir: payload.Code, Init: true,
		Env: []payload.Var{
			{Name: "port", Value: "30000"},
			{Name: "PYTHONUNBUFFERED", Value: "1"},
			{Name: "VSCODE_PORT", Value: "40000"},
			{Name: "APP_PORT_1", Value: "50000"},
			{Name: "APP_PORT_2", Value: "55000"},
			{Name: "PIP_BREAK_SYSTEM_PACKAGES", Value: "1"},
		},
		Port: 30000, Editor: 40000, Ports: []uint16{50000, 55000},
		Grace: 2 * time.Minute,
	}}
}

// V0Command is the argv with which OpenHands V0 starts its runtime images for a
// user, NAME[:UID], empty for the usual one
// (runtime/utils/command.py of openhands-ai 1.6.0). The user ID counts only where
// the server has to make the account.
func V0Command(user, workspace string, port int, plugins ...string) []string {
	name, id, _ := strings.Cut(cmp.Or(user, payload.User), ":")
	command := []string{
		payload.Micromamba, "run", "-n", "openhands", "poetry", "run",
		"python", "-u", "-m", "openhands.runtime.action_execution_server", strconv.Itoa(port),
		"--working-dir", workspace, "--plugins",
	}
	return append(append(command, plugins...), "--username", name, "--user-id", cmp.Or(id, strconv.Itoa(payload.DefaultID)))
}
