// Package runtimeapi stands in for the runtime API of OpenHands' cloud, which
// starts sandboxes for APIRemoteWorkspace, for the application with a remote
// runtime and for Enterprise: each is a container of a Docker engine here. It
// speaks the part of the interface that these clients use.
package runtimeapi

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// Server is a runtime API. Its containers are called Prefix and a number.
type Server struct {
	Engine lab.Engine
	Prefix string
	Key    string // that clients have to send

	mu       sync.Mutex
	runtimes []*runtime
}

// runtime is a container as clients are told of it.
type runtime struct {
	ID            string `json:"runtime_id"` // the container's name
	Session       string `json:"session_id"`
	URL           string `json:"url"`
	SessionAPIKey string `json:"session_api_key"`
	Status        string `json:"status"`
	Pod           string `json:"pod_status"`
	Log           string `json:"pod_logs,omitempty"` // of a container that has ended
}

// start is the body of a request to start a runtime. A field that this server
// does not know is refused, so that none is left out unnoticed.
type start struct {
	Image       string            `json:"image"`
	Command     command           `json:"command"` // in the place of the image's entry point, as in a pod
	WorkingDir  string            `json:"working_dir"`
	Environment map[string]string `json:"environment"`
	Session     string            `json:"session_id"`
	User        int               `json:"run_as_user"`
	Group       *int              `json:"run_as_group"` // as in a pod: the image's group of the user, else 0
	FSGroup     int               `json:"fs_group"`     // a further group, as in a pod

	// What a cluster does and an engine does not.
	PullPolicy     string `json:"image_pull_policy"`
	ResourceFactor int    `json:"resource_factor"`
	RuntimeClass   string `json:"runtime_class"`
}

// command is a list of arguments or one text of words.
type command []string

// UnmarshalJSON reads either form.
func (c *command) UnmarshalJSON(text []byte) error {
	var words string
	if json.Unmarshal(text, &words) == nil {
		*c = strings.Fields(words)
		return nil
	}
	return json.Unmarshal(text, (*[]string)(c))
}

// serverPort is where the clients' commands have the server listen.
const serverPort = "60000"

// ServeHTTP answers a client.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-API-Key") != s.Key {
		http.Error(w, "wrong key", http.StatusUnauthorized)
		return
	}
	answer, err := s.answer(r)
	var refusal refused
	switch {
	case errors.As(err, &refusal):
		http.Error(w, err.Error(), refusal.status)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer) // a client that has gone needs no answer
	}
}

// refused is a request that makes no sense.
type refused struct {
	error
	status int
}

func (s *Server) answer(r *http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch session, of := strings.CutPrefix(r.URL.Path, "/sessions/"); {
	case r.Method == http.MethodPost && r.URL.Path == "/start":
		return s.start(r)
	case r.Method == http.MethodPost && r.URL.Path == "/stop":
		return s.stop(r)
	case r.Method == http.MethodGet && r.URL.Path == "/list":
		all := []*runtime{}
		for _, one := range s.runtimes {
			s.look(r.Context(), one)
			all = append(all, one)
		}
		return map[string]any{"runtimes": all}, nil
	case r.Method == http.MethodGet && of:
		for _, one := range s.runtimes {
			if one.Session == session {
				s.look(r.Context(), one)
				return one, nil
			}
		}
		return nil, refused{fmt.Errorf("no session %q", session), http.StatusNotFound}
	}
	return nil, refused{fmt.Errorf("%s %s is not a part of this stand-in", r.Method, r.URL.Path), http.StatusNotImplemented}
}

func (s *Server) start(r *http.Request) (*runtime, error) {
	var asked start
	body := json.NewDecoder(r.Body)
	body.DisallowUnknownFields()
	if err := body.Decode(&asked); err != nil {
		return nil, refused{err, http.StatusBadRequest}
	}
	if len(asked.Command) == 0 {
		return nil, refused{errors.New("no command"), http.StatusBadRequest}
	}
	one := &runtime{ID: fmt.Sprintf("%s-%d", s.Prefix, len(s.runtimes)), Session: asked.Session, SessionAPIKey: rand.Text()}
	user := fmt.Sprint(asked.User)
	if asked.Group != nil {
		user += fmt.Sprint(":", *asked.Group)
	}
	args := []string{
		"run", "--detach", "--name", one.ID, "--publish", "127.0.0.1::" + serverPort, "--entrypoint", asked.Command[0],
		"--user", user, "--group-add", fmt.Sprint(asked.FSGroup), "--workdir", asked.WorkingDir,
		// The clients leave it to the API to choose the key.
		"--env", "OH_SESSION_API_KEYS_0=" + one.SessionAPIKey,
	}
	for name, value := range asked.Environment {
		args = append(args, "--env", name+"="+value)
	}
	args = append(append(args, asked.Image), asked.Command[1:]...)
	if _, err := s.Engine.Docker(r.Context(), args...); err != nil {
		return nil, err
	}
	address, err := s.Engine.Docker(r.Context(), "port", one.ID, serverPort+"/tcp")
	if err != nil {
		return nil, err
	}
	one.URL = "http://" + strings.Fields(address)[0]
	s.runtimes = append(s.runtimes, one)
	s.look(r.Context(), one)
	return one, nil
}

// look finds out how a runtime is.
func (s *Server) look(ctx context.Context, one *runtime) {
	running, err := s.Engine.Docker(ctx, "inspect", "--format", "{{.State.Running}}", one.ID)
	if err == nil && running == "true" {
		one.Status, one.Pod = "running", "ready"
		return
	}
	log, _ := s.Engine.Command(ctx, "logs", "--tail", "40", one.ID).CombinedOutput()
	one.Status, one.Pod, one.Log = "error", "failed", string(log)
}

// stop ends a runtime as a cluster does: SIGTERM, and SIGKILL 30 seconds later.
func (s *Server) stop(r *http.Request) (any, error) {
	var asked struct {
		ID string `json:"runtime_id"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return nil, refused{err, http.StatusBadRequest}
	}
	for i, one := range s.runtimes {
		if one.ID != asked.ID {
			continue
		}
		if _, err := s.Engine.Docker(r.Context(), "stop", "--time", "30", one.ID); err != nil {
			return nil, err
		}
		if _, err := s.Engine.Docker(r.Context(), "rm", "--volumes", one.ID); err != nil {
			return nil, err
		}
		s.runtimes = append(s.runtimes[:i], s.runtimes[i+1:]...)
		return map[string]string{"status": "stopped"}, nil
	}
	return nil, refused{fmt.Errorf("no runtime %q", asked.ID), http.StatusNotFound}
}
