package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	clients "github.com/docker-openhands/docker-openhands/cli-plugin/client"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/engine/enginetest"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/progress"
	"github.com/docker-openhands/docker-openhands/cli-plugin/verify"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// Each client's container has what the client says, at 127.0.0.1 alone, and
// nothing else.
func TestContainerAs(t *testing.T) {
	yes, many := true, int64(7)
	for name, test := range map[string]struct {
		start clients.Start
		ports network.PortSet
		host  container.HostConfig
	}{
		"nothing": {clients.Start{Port: 8000}, network.PortSet{tcp(8000): {}}, container.HostConfig{
			PortBindings: network.PortMap{tcp(8000): {{HostIP: local}}},
		}},
		"everything": {
			clients.Start{
				Port: 1, Editor: 2, Ports: []uint16{3}, Init: true, Group: "10001", Hosts: []string{"h:192.0.2.1"},
				Confinement: clients.Confinement{
					NoCapabilities: true, NoNewPrivileges: true, ReadOnly: true, Memory: 5, CPUs: 1.5, Processes: many, OpenFiles: 9, NoCores: true,
				},
				Volumes: []clients.Volume{{Path: "/w", UID: 1, GID: 2, Mode: "700", Size: 8}},
			},
			network.PortSet{tcp(1): {}, tcp(2): {}, tcp(3): {}},
			container.HostConfig{
				PortBindings: network.PortMap{tcp(1): {{HostIP: local}}, tcp(2): {{HostIP: local}}, tcp(3): {{HostIP: local}}},
				Init:         &yes, GroupAdd: []string{"10001"}, ExtraHosts: []string{"h:192.0.2.1"},
				CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"}, ReadonlyRootfs: true,
				Tmpfs: map[string]string{"/w": "exec,mode=700,uid=1,gid=2,size=8"},
				Resources: container.Resources{
					Memory: 5, NanoCPUs: 1_500_000_000, PidsLimit: &many,
					Ulimits: []*container.Ulimit{{Name: "nofile", Soft: 9, Hard: 9}, {Name: "core"}},
				},
			},
		},
	} {
		test.start.Entrypoint, test.start.Command, test.start.User, test.start.WorkingDir = []string{"e"}, []string{"c"}, "u", "/d"
		test.start.Env = []payload.Var{{Name: "A", Value: "b"}}
		process, host := containerAs(test.start, "K=k")
		same := cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateComparable(network.Port{}, netip.Addr{})}
		want := engine.Process{Entrypoint: []string{"e"}, Cmd: []string{"c"}, User: "u", WorkingDir: "/d", Env: []string{"K=k", "A=b"}, Ports: test.ports}
		if diff := cmp.Diff(want, process, same); diff != "" {
			t.Errorf("%s: process: %s", name, diff)
		}
		if diff := cmp.Diff(&test.host, host, same); diff != "" {
			t.Errorf("%s: host: %s", name, diff)
		}
	}
}

// dock is an engine with one container at a time, whose server is another one's.
type dock struct {
	enginetest.Cabinet
	server  *httptest.Server
	few     bool // the engine raises no limit of open files
	ulimits []*container.Ulimit
	refuses error // to start
	status  int   // of exit after SIGTERM
	dies    bool  // before anybody asks
	key     string
	bound   network.PortMap

	lock  sync.Mutex // a wait for the container before may only begin
	ended chan struct{}
}

func (d *dock) end() chan struct{} {
	d.lock.Lock()
	defer d.lock.Unlock()
	return d.ended
}

func (d *dock) ContainerCreate(_ context.Context, o client.ContainerCreateOptions) (client.ContainerCreateResult, error) {
	ended := make(chan struct{})
	if d.dies {
		close(ended)
	}
	d.lock.Lock()
	d.ended = ended
	d.lock.Unlock()
	d.bound, d.ulimits = network.PortMap{}, o.HostConfig.Ulimits
	at := netip.MustParseAddrPort(strings.TrimPrefix(d.server.URL, "http://"))
	for port := range o.HostConfig.PortBindings {
		d.bound[port] = []network.PortBinding{{HostIP: at.Addr(), HostPort: fmt.Sprint(at.Port())}}
	}
	_, d.key, _ = strings.Cut(o.Config.Env[0], "=")
	d.Made = append(d.Made, o.Name)
	return client.ContainerCreateResult{ID: o.Name}, nil
}

func (d *dock) ContainerStart(context.Context, string, client.ContainerStartOptions) (client.ContainerStartResult, error) {
	if d.few && len(d.ulimits) > 0 {
		return client.ContainerStartResult{}, errors.New("error setting rlimit type 7: operation not permitted")
	}
	return client.ContainerStartResult{}, d.refuses
}

func (d *dock) ContainerInspect(context.Context, string, client.ContainerInspectOptions) (client.ContainerInspectResult, error) {
	return client.ContainerInspectResult{Container: container.InspectResponse{State: d.state(), NetworkSettings: &container.NetworkSettings{Ports: d.bound}}}, nil
}

func (d *dock) state() *container.State {
	select {
	case <-d.end():
		return &container.State{ExitCode: d.status}
	default:
		return &container.State{Running: true}
	}
}

func (d *dock) ContainerLogs(context.Context, string, client.ContainerLogsOptions) (client.ContainerLogsResult, error) {
	return io.NopCloser(strings.NewReader("")), nil
}

func (d *dock) ContainerStop(context.Context, string, client.ContainerStopOptions) (client.ContainerStopResult, error) {
	close(d.end())
	return client.ContainerStopResult{}, nil
}

func (d *dock) ContainerWait(ctx context.Context, _ string, _ client.ContainerWaitOptions) client.ContainerWaitResult {
	result, failed := make(chan container.WaitResponse, 1), make(chan error, 1)
	ended := d.end()
	go func() {
		select {
		case <-ended:
			result <- container.WaitResponse{StatusCode: int64(d.status)}
		case <-ctx.Done():
			failed <- ctx.Err()
		}
	}()
	return client.ContainerWaitResult{Result: result, Error: failed}
}

// talks is a server of either interface. What it is to do wrong is a step.
type talks struct {
	wrong   verify.Step
	endless bool // commands do not end in time
	files   map[string]string
	key     func() string
}

func (s *talks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, query := r.URL.Path, r.URL.Query()
	say := func(v any) { _ = json.NewEncoder(w).Encode(v) } // a client that has gone
	if path == "/" {                                        // VS Code
		if s.wrong == verify.StepEditor || query.Get("tkn") != "token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		return
	}
	if path == "/health" || path == "/alive" {
		return
	}
	if r.Header.Get(payload.KeyHeader) != s.key() {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var sent struct {
		Command string
		Action  struct {
			Action string
			Args   struct{ Command, Path, Content, BrowserActions string }
		}
	}
	switch path {
	case "/api/vscode/url":
		say(map[string]string{"url": query.Get("base_url") + "/?tkn=token"})
	case "/vscode/connection_token":
		say(map[string]string{"token": "token"})
	case "/api/file/upload":
		part, _, err := r.FormFile("file")
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		text, _ := io.ReadAll(part)
		s.files[query.Get("path")] = string(text)
	case "/api/file/download":
		_, _ = io.WriteString(w, s.kept(query.Get("path")))
	case "/api/bash/execute_bash_command":
		_ = json.NewDecoder(r.Body).Decode(&sent)
		out, status := s.run(sent.Command)
		say(map[string]any{"exit_code": status, "stdout": out})
	case "/execute_action":
		_ = json.NewDecoder(r.Body).Decode(&sent)
		args := sent.Action.Args
		content, extras := "", map[string]any{}
		switch sent.Action.Action {
		case "write":
			s.files[args.Path] = args.Content
		case "read":
			content = s.kept(args.Path)
		case "run":
			out, status := s.run(args.Command)
			content, extras["metadata"] = out, map[string]int{"exit_code": status}
		case "browse_interactive":
			content = s.page()
		}
		say(map[string]any{"observation": "some", "content": content, "extras": extras})
	default:
		http.NotFound(w, r)
	}
}

func (s *talks) kept(path string) string {
	if s.wrong == verify.StepFile {
		return "something else"
	}
	return s.files[path]
}

func (s *talks) page() string {
	if s.wrong == verify.StepPage {
		return "<p>before</p>"
	}
	return "<p>" + pageText + "</p>"
}

func (s *talks) run(line string) (string, int) {
	switch {
	case strings.Contains(line, "--dump-dom"):
		return s.page(), 0
	case strings.Contains(line, pageFile):
		return "http://127.0.0.1:1/\n", 0
	case s.endless:
		return "so far", cutOff
	case s.wrong == verify.StepCommand:
		return "no shell", 127
	}
	return "42 by 10001\n", 0
}

// runtimeImage is an image of a server with components.
func runtimeImage(server, components string) *image.Image {
	found := &image.Image{Ref: "team/app:1", ID: "sha256:1"}
	found.Config.Config.Labels = map[string]string{
		payload.LabelKind: payload.KindRuntime, payload.LabelServer: server, payload.LabelComponents: components,
	}
	return found
}

// Every way in which clients start images of either server is gone through step by
// step; what is wrong is found where it is, with a cure; and nothing is left.
func TestAs(t *testing.T) {
	const all = "browser,vscode"
	for name, test := range map[string]struct {
		components string
		wrong      verify.Step
		change     func(*dock)
		grace      time.Duration
		failed     []verify.Step
		want       string // in the detail of the last failure
		tried      int    // steps
	}{
		"right":              {components: all, tried: 6},
		"headless":           {components: "python", tried: 4},
		"command":            {components: all, wrong: verify.StepCommand, failed: []verify.Step{verify.StepCommand}, want: "exit status 127: no shell", tried: 6},
		"file":               {components: all, wrong: verify.StepFile, failed: []verify.Step{verify.StepFile}, want: "something else", tried: 6},
		"page":               {components: all, wrong: verify.StepPage, failed: []verify.Step{verify.StepPage}, want: "before", tried: 6},
		"late":               {components: all, grace: time.Nanosecond, failed: []verify.Step{verify.StepHealth}, want: "and the client waits for", tried: 6},
		"killed":             {components: all, change: func(d *dock) { d.status = 137 }, failed: []verify.Step{verify.StepStop}, want: "had to be killed", tried: 6},
		"dead":               {components: all, change: func(d *dock) { d.dies = true; d.server.Config.Handler = http.NotFoundHandler() }, failed: []verify.Step{verify.StepHealth}, want: "it wrote nothing", tried: 1},
		"refused by engines": {components: all, change: func(d *dock) { d.refuses = errors.New("no such user") }, failed: []verify.Step{verify.StepHealth}, want: "no such user", tried: 1},
	} {
		for _, of := range clients.All() {
			t.Run(name+"/"+of.Name, func(t *testing.T) {
				t.Setenv("XDG_CACHE_HOME", t.TempDir())
				d := &dock{}
				d.server = httptest.NewServer(&talks{wrong: test.wrong, files: map[string]string{}, key: func() string { return d.key }})
				defer d.server.Close()
				if test.change != nil {
					test.change(d)
				}
				starts := of.Starts(clients.Image{})
				for i := range starts {
					if test.grace != 0 {
						starts[i].Grace = test.grace
					}
				}
				var told []payload.Finding
				c := Client{Engine: &engine.Engine{API: d, ID: "e"}, View: progress.New(t.Output(), progressui.PlainMode), Found: func(f payload.Finding) { told = append(told, f) }}
				findings, outcomes, err := c.as(t.Context(), runtimeImage(of.Server, test.components), starts)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(findings, told); diff != "" {
					t.Errorf("found and told: %s", diff)
				}
				if len(d.Made) != len(starts) || !slices.Equal(d.Made, d.Removed) {
					t.Errorf("%q were made, %q removed", d.Made, d.Removed)
				}
				if len(outcomes) != len(starts) {
					t.Fatalf("%+v", outcomes)
				}
				for i, o := range outcomes {
					var failed []verify.Step
					for _, step := range verify.Steps() {
						if o.Steps[step] == payload.StatusFailed {
							failed = append(failed, step)
						}
					}
					if !slices.Equal(failed, test.failed) || len(o.Steps) != test.tried || o.Passed != (len(failed) == 0) || o.Name != of.Name || o.Way != starts[i].Way {
						t.Errorf("%+v", o)
					}
				}
				for _, f := range findings {
					if (f.Status == payload.StatusFailed) != (f.Cure != "") || f.Status == payload.StatusFailed && !strings.Contains(f.Detail, test.want) {
						t.Errorf("%+v, want %q", f, test.want)
					}
				}
			})
		}
	}
}

// An engine that cannot raise the limit of open files starts the image without, and
// is told of.
func TestAsWithFewFiles(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	d := &dock{few: true}
	d.server = httptest.NewServer(&talks{files: map[string]string{}, key: func() string { return d.key }})
	defer d.server.Close()
	sdk, err := clients.Named("sdk")
	if err != nil {
		t.Fatal(err)
	}
	c := Client{Engine: &engine.Engine{API: d, ID: "e"}, View: progress.New(t.Output(), progressui.PlainMode)}
	findings, outcomes, err := c.as(t.Context(), runtimeImage(payload.AgentServer, ""), sdk.Starts(clients.Image{}))
	if err != nil || len(outcomes) != 1 || !outcomes[0].Passed || len(outcomes[0].Steps) != len(verify.Steps()) {
		t.Fatalf("%+v, %v", outcomes, err)
	}
	if f := findings[0]; f.Check != "sdk: limits" || f.Status != payload.StatusWarning || !strings.Contains(f.Detail, "65536 open files") || f.Cure == "" {
		t.Errorf("%+v", f)
	}
	if len(d.Made) != 2 || !slices.Equal(d.Made, d.Removed) {
		t.Errorf("%q were made, %q removed", d.Made, d.Removed)
	}
}

// Whatever may take long is shown while it does, each part by its name.
func TestAsIsShown(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	d := &dock{}
	d.server = httptest.NewServer(&talks{files: map[string]string{}, key: func() string { return d.key }})
	defer d.server.Close()
	app, err := clients.Named("app")
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	c := Client{Engine: &engine.Engine{API: d, ID: "e"}, View: progress.New(&shown, progressui.RawJSONMode)} // which waits for nothing
	if _, _, err := c.as(t.Context(), runtimeImage(payload.AgentServer, "browser,vscode"), app.Starts(clients.Image{})); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(shown.String()) {
		var status buildkit.SolveStatus
		if err := json.Unmarshal([]byte(line), &status); err != nil {
			t.Fatal(err)
		}
		for _, vertex := range status.Vertexes {
			if vertex.Completed == nil {
				got = append(got, vertex.Name)
			}
		}
	}
	want := []string{
		"waiting for the server of team/app:1, as app does", "trying bash as app does", "trying file as app does", "trying browser as app does",
		"trying VS Code as app does", "stopping the server of team/app:1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A command that has not ended is no command that failed.
func TestCommandWithoutEnd(t *testing.T) {
	server := httptest.NewServer(&talks{endless: true, files: map[string]string{}, key: func() string { return "" }})
	defer server.Close()
	for _, profile := range payload.Servers() {
		d := (&Server{Address: server.URL, Profile: profile.Name}).driver()
		if out, err := d.command(t.Context(), "sleep", time.Second); err == nil || err.Error() != "no end after 1s" {
			t.Errorf("%s: %q, %v", profile.Name, out, err)
		}
	}
}

// onWrite is called with what is written to it.
type onWrite func(text string)

func (f onWrite) Write(p []byte) (int, error) {
	f(string(p))
	return len(p), nil
}

// A start that is interrupted leaves nothing.
func TestAsGivesUp(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	d := &dock{}
	d.server = httptest.NewServer(http.NotFoundHandler()) // never alive
	defer d.server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	c := Client{Engine: &engine.Engine{API: d, ID: "e"}, View: progress.New(onWrite(func(text string) {
		if strings.HasPrefix(text, "starting") {
			cancel()
		}
	}), progressui.PlainMode)}
	app, err := clients.Named("app")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.as(ctx, runtimeImage(payload.AgentServer, ""), app.Starts(clients.Image{})); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if len(d.Made) != 1 || !slices.Equal(d.Made, d.Removed) {
		t.Errorf("%q were made, %q removed", d.Made, d.Removed)
	}
}

// What a server says of VS Code decides neither the machine that is asked nor how
// much is read.
func TestEditorOfAStranger(t *testing.T) {
	for name, address := range map[string]string{"another machine": "http://192.0.2.1/", "none": "", "a name that goes on": "http://editor.example/"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]string{"url": address})
		}))
		s := agentServer{&Server{Address: server.URL, Profile: payload.AgentServer}}
		if got, err := s.editor(t.Context()); err == nil {
			t.Errorf("%s: %q", name, got)
		}
		server.Close()
	}
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write(make([]byte, 1<<16))
		}
	}))
	defer endless.Close()
	s := &Server{Address: endless.URL}
	if text, err := s.get(t.Context(), "/?"+url.Values{}.Encode()); err != nil || len(text) != maxAnswer {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}
