package live

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/client"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// aliveLimit is how long a server may take to start while another one starts
// beside it on two cores.
const aliveLimit = 5 * time.Minute

// sandbox is a container with a server in it.
type sandbox struct {
	*client.Client
	container string
	base      string
	user      string // whom the server's shell belongs to
	offline   bool   // without a network
}

// asOpenHands is the argument list that unmodified OpenHands gives to a
// container, with the entry point emptied.
func asOpenHands(user, id string) []string {
	return strings.Fields("/openhands/micromamba/bin/micromamba run -n openhands poetry run" +
		" python -u -m openhands.runtime.action_execution_server 8000 --working-dir /workspace" +
		" --plugins agent_skills jupyter --username " + user + " --user-id " + id)
}

// sessionKey guards the servers of the tests.
const sessionKey = "a key of the tests"

// way is how a container of an image is started.
type way struct {
	user    string   // whom the server's shell belongs to
	command []string // empty: the image's own entry point and command
	options []string // more of docker run
	offline bool     // without a network
}

// asUser starts a server as OpenHands does for the named user.
func asUser(name, id string, options ...string) func(t *testing.T, base, image string) *sandbox {
	return func(t *testing.T, base, image string) *sandbox {
		t.Helper()
		return start(t, base, image, way{user: name, command: asOpenHands(name, id), options: options})
	}
}

// asImage starts the image's own command, whose shell is then that of user.
func asImage(user string, options ...string) func(t *testing.T, base, image string) *sandbox {
	return func(t *testing.T, base, image string) *sandbox {
		t.Helper()
		return start(t, base, image, way{user: user, options: options})
	}
}

// start runs a container with the environment that OpenHands gives it, for a
// command of its own also in its working directory, and waits until the server
// is alive.
func start(t *testing.T, base, image string, how way) *sandbox {
	t.Helper()
	name := "oh-live-" + slug(t.Name())
	network := []string{"--publish", "127.0.0.1::8000"}
	if how.offline {
		network = []string{"--network", "none"}
	}
	args := []string{
		"run", "--detach", "--name", name,
		"--env", "PYTHONUNBUFFERED=1", "--env", "VSCODE_PORT=8001", "--env", "APP_PORT_1=8002", "--env", "APP_PORT_2=8003",
		"--env", "OPENHANDS_SESSION_ID=live", "--env", "PIP_BREAK_SYSTEM_PACKAGES=1", "--env", "NO_CHANGE_TIMEOUT_SECONDS=3", "--env", "SESSION_API_KEY=" + sessionKey,
	}
	if len(how.command) > 0 {
		args = append(args, "--entrypoint", "", "--workdir", "/openhands/code/")
	}
	docker(t, slices.Concat(args, network, how.options, []string{image}, how.command)...)
	cleanup(t, lab.Engine{}, "rm", "--force", "--volumes", name)
	s := &sandbox{container: name, base: base, user: how.user, offline: how.offline}
	t.Cleanup(func() { s.saveLog(t) })
	begin := time.Now()
	s.wait(t)
	t.Logf("alive after %s", time.Since(begin).Round(100*time.Millisecond))
	return s
}

// wait returns when the server is alive. It fails the test at once when the
// container has ended, and shows what the server wrote last.
func (s *sandbox) wait(t *testing.T) {
	t.Helper()
	s.Client = &client.Client{URL: "http://127.0.0.1:8000", Key: sessionKey, HTTP: &http.Client{}}
	if s.offline {
		s.HTTP.Transport = &http.Transport{DialContext: dialInside(s.container), DisableKeepAlives: true}
	} else {
		// The port that the engine chose is another one after a restart.
		s.URL = "http://" + strings.Fields(docker(t, "port", s.container, "8000/tcp"))[0]
	}
	ended := false
	err := lab.WaitFor(t.Context(), aliveLimit, "the server", func(ctx context.Context) bool {
		if alive, err := s.Alive(ctx); err == nil && alive {
			return true
		}
		running, err := lab.Engine{}.Docker(ctx, "inspect", "--format", "{{.State.Running}}", s.container)
		ended = err == nil && running != "true"
		return ended
	})
	if err == nil && !ended {
		return
	}
	log, _ := lab.Engine{}.Command(context.WithoutCancel(t.Context()), "logs", "--tail", "60", s.container).CombinedOutput()
	t.Fatalf("the server is not alive (container ended: %v): %v\n%s", ended, err, log)
}

// saveLog keeps the log of a failed test's container.
func (s *sandbox) saveLog(t *testing.T) {
	if !t.Failed() {
		return
	}
	log, err := lab.Engine{}.Command(context.Background(), "logs", s.container).CombinedOutput()
	if err != nil {
		t.Errorf("reading the log of %s: %v", s.container, err)
	}
	path := artifacts(t, "logs", s.container+".log")
	if err := os.WriteFile(path, log, 0o644); err != nil {
		t.Error(err)
	}
	t.Logf("the container's log is in %s, its end:\n%s", path, log[max(0, len(log)-4096):])
}

// processes lists what runs in the container, with what each waits for.
func (s *sandbox) processes(t *testing.T) string {
	t.Helper()
	return docker(t, "top", s.container, "-eo", "pid,ppid,stat,wchan:22,etime,args")
}

// shell runs a line in the server's shell; it must succeed, and do no harm when
// it is run twice.
func (s *sandbox) shell(t *testing.T, line string) string {
	t.Helper()
	result := s.run(t, client.Command{Line: line})
	if result.ExitCode != 0 {
		t.Errorf("%s: exit status %d\n%s\n%s", line, result.ExitCode, result.Output, result.Remark)
		if result.ExitCode == -1 { // it still runs
			t.Log(s.processes(t))
		}
		t.FailNow()
	}
	return strings.TrimSpace(result.Output)
}

// run runs a command in the server's shell, whatever becomes of it. It may be
// run twice.
func (s *sandbox) run(t *testing.T, command client.Command) client.CommandResult {
	t.Helper()
	result, err := s.RunAgain(t.Context(), command)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// cell runs Python code in the server's notebook and returns what it printed.
func (s *sandbox) cell(t *testing.T, code string) string {
	t.Helper()
	out, err := s.RunCell(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out, "[Execution timed out") {
		t.Fatalf("the kernel does not answer: %s\n%s", out, s.processes(t))
	}
	return strings.TrimSpace(out)
}
