// Package sandbox has containers of images as OpenHands starts them, and what can
// be found out about an image: what it holds, and whether its server lives.
package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/engine"
	"github.com/docker-openhands/docker-openhands/cli-plugin/image"
	"github.com/docker-openhands/docker-openhands/cli-plugin/plan"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/progress"
	"github.com/docker-openhands/docker-openhands/cli-plugin/terminal"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// Server is a container in which the server of the payload runs.
type Server struct {
	ID      string // of the container
	Name    string // of the container, for people and docker
	Image   string // reference, as the image was asked for
	ImageID string
	Profile string // payload.Server.Name
	Address string // URL without a path
	Port    int    // of Address
	Key     string // that callers have to send; empty: the server answers everybody

	container engine.Container
	health    string // path that answers while it is alive
	editor    string // path that tells where its VS Code is; empty: it starts none
	published string // address of the port of VS Code
	as        string // whom it is started as, for people
	engine    *engine.Engine
	view      *progress.View
}

// portTaken finds the engine's complaint about a port in use.
var portTaken = regexp.MustCompile(`address already in use|port is already allocated`)

var (
	serverPort = network.MustParsePort(strconv.Itoa(plan.Port) + "/tcp")
	editorPort = network.MustParsePort(strconv.Itoa(plan.EditorPort) + "/tcp")
)

// Client starts servers in an engine.
type Client struct {
	Engine *engine.Engine
	View   *progress.View

	// Found is called with each finding of Verify, when it is there; nil: with none.
	Found func(payload.Finding)
}

// Start starts the server in a container of a runtime image, as OpenHands does.
func (c Client) Start(ctx context.Context, found *image.Image, o Options) (*Server, error) {
	if found.Labels()[payload.LabelKind] != payload.KindRuntime {
		return nil, problem.New(problem.Usage, found.Ref+" is no runtime image of OpenHands", nil, "Run it over that base: --base "+found.Ref)
	}
	server := serverOf(found)
	if server.Name == payload.ActionExecutionServer {
		return c.launch(ctx, found, server, asOpenHands(found, o), o)
	}
	return c.launch(ctx, found, server, engine.Process{Cmd: append(listen(server), o.Arguments...), WorkingDir: o.WorkingDir}, o)
}

// StartTraditional is Start, but takes images of the traditional mode, too: no
// label tells what they are.
func (c Client) StartTraditional(ctx context.Context, found *image.Image, o Options) (*Server, error) {
	if found.Labels()[payload.LabelKind] != "" {
		return c.Start(ctx, found, o)
	}
	return c.launch(ctx, found, serverOf(found), asOpenHands(found, o), o)
}

// anyUser is an account that no image knows, with group 0, as clusters give it.
const anyUser = "12345:0"

// startAnyUser starts the image's own command as anyUser.
func (c Client) startAnyUser(ctx context.Context, found *image.Image) (*Server, error) {
	server := serverOf(found)
	return c.launch(ctx, found, server, engine.Process{Cmd: listen(server)}, Options{User: anyUser})
}

// launch starts a server in a container and publishes it, and the VS Code that it
// starts by itself, as the options say. Of started, this fills in what the
// options and the image say.
func (c Client) launch(ctx context.Context, found *image.Image, server payload.Server, started engine.Process, o Options) (_ *Server, err error) {
	s := c.server(found, server, "user "+cmp.Or(o.User, accountName(found.Labels())))
	if started.Image = found.ID; o.Listed {
		started.Image = found.Ref
	}
	if s.Key, err = o.key(server); err != nil {
		return nil, err
	}
	host, err := o.container(server, s.Key, &started)
	if err != nil {
		return nil, err
	}
	if s.container, err = c.Engine.Create(ctx, started, host); err != nil {
		return nil, err
	}
	s.ID, s.Name = s.container.ID, engine.ShortContainerID(s.container.ID)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
		}
	}()
	if o.Listed {
		if s.Name, err = giveName(ctx, s.container, o.Name, found); err != nil {
			return nil, err
		}
	}
	c.View.Logf("starting the server of %s, %s", found.Ref, s.as)
	if _, err := c.Engine.API.ContainerStart(ctx, s.ID, client.ContainerStartOptions{}); err != nil {
		if o.choosesPorts() && portTaken.MatchString(err.Error()) {
			return nil, problem.New(problem.PortTaken, "the server cannot be published at "+o.ports(), err,
				"Choose another one with --port, or leave it out to get a free one")
		}
		return nil, s.refused(err)
	}
	if o.Network == networkHost {
		s.Address, s.published, s.Port = Address(nil, serverPort), Address(nil, editorPort), int(serverPort.Num())
		return s, nil
	}
	if err := s.locate(ctx, serverPort, editorPort); err != nil {
		return nil, err
	}
	return s, nil
}

// server is a server of an image whose container is not there yet.
func (c Client) server(found *image.Image, profile payload.Server, as string) *Server {
	return &Server{
		Image: found.Ref, ImageID: found.ID, Profile: profile.Name,
		health: profile.Health, editor: profile.Editor, as: as, engine: c.Engine, view: c.View,
	}
}

// refused is why the engine does not start the container.
func (s *Server) refused(cause error) error {
	return problem.New(problem.ServerDied, "the server of "+s.Image+" cannot be started", cause,
		"See what 'docker openhands verify "+s.Image+"' finds, and build the image anew with --force-rebuild")
}

// locate finds where the ports of the server and of VS Code are published.
func (s *Server) locate(ctx context.Context, server, editor network.Port) error {
	running, err := s.engine.API.ContainerInspect(ctx, s.ID, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("inspecting the container: %w", err)
	}
	ports := running.Container.NetworkSettings.Ports
	if bindings := ports[editor]; len(bindings) > 0 {
		s.published = Address(bindings, editor)
	}
	bindings := ports[server]
	if len(bindings) == 0 {
		return s.died(ctx)
	}
	s.Address = Address(bindings, server)
	if s.Port, err = strconv.Atoi(s.Address[strings.LastIndexByte(s.Address, ':')+1:]); err != nil {
		return fmt.Errorf("reading the port of the container: %w", err)
	}
	return nil
}

func (s *Server) alive(ctx context.Context) bool {
	_, err := s.get(ctx, s.health)
	return err == nil
}

// Editor returns the address, with its key, of the VS Code that a live server
// has started by itself. It is empty where there is none or the server, switched
// off or guarded by its settings, tells of none.
func (s *Server) Editor(ctx context.Context) string {
	if s.editor == "" || s.published == "" {
		return ""
	}
	query := url.Values{"base_url": {s.published}, "workspace_dir": {payload.Workspace}}
	text, err := s.get(ctx, s.editor+"?"+query.Encode())
	if err != nil {
		return ""
	}
	var answer struct{ URL string }
	if err := json.Unmarshal(text, &answer); err != nil {
		return ""
	}
	return answer.URL
}

// died tells what the container said last.
func (s *Server) died(ctx context.Context) error {
	var said engine.Tail
	if logs, err := s.engine.API.ContainerLogs(ctx, s.ID, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "20"}); err == nil {
		defer logs.Close()
		_, _ = stdcopy.StdCopy(&said, &said, logs) // as much of it as there is
	}
	cause := errors.New("it wrote nothing")
	if text := strings.TrimSpace(terminal.Log(said.String())); text != "" {
		cause = errors.New("its last lines were:\n" + text + "\n")
	}
	return problem.New(problem.ServerDied, "the server ended before it was alive", cause, "Start it again with --progress plain, or look for the first error above")
}

// Wait returns the container's exit status when it ends.
func (s *Server) Wait(ctx context.Context) (int64, error) {
	wait := s.engine.API.ContainerWait(ctx, s.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case response := <-wait.Result:
		return response.StatusCode, nil
	case err := <-wait.Error:
		return 0, fmt.Errorf("waiting for the container: %w", err)
	}
}

// stopTimeout is how long, in seconds, the server may take to end after SIGTERM.
const stopTimeout = 10

// Halt ends the server, SIGTERM first.
func (s *Server) Halt(ctx context.Context) (err error) {
	step := s.view.Wait("stopping the server of " + s.Image)
	defer func() { step.End(err) }()
	timeout := stopTimeout
	if _, err := s.engine.API.ContainerStop(ctx, s.ID, client.ContainerStopOptions{Timeout: &timeout}); err != nil {
		return fmt.Errorf("stopping the container %s: %w", s.Name, err)
	}
	return nil
}

// Stop ends the server and removes its container.
func (s *Server) Stop(ctx context.Context) error {
	halted := s.Halt(ctx)
	if err := s.container.Remove(ctx); err != nil {
		return errors.Join(halted, err)
	}
	return nil
}

// Leave lets the container outlive this process.
func (s *Server) Leave() error { return s.container.Lease.End() }
