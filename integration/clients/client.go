// Package clients has OpenHands' own clients of the agent server start images:
// the classes of its wheels, as they are published, which drivers in Python hand
// over to Go.
package clients

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/docker-openhands/docker-openhands/integration/agentserver"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// An environment is what a driver's Python has installed.
type environment string

// The sets of wheels; see the folder environments.
const (
	SDK         environment = "sdk"         // openhands-workspace and what it is released with
	Application environment = "application" // openhands-ai, with the SDK that it bundles
	Benchmarks  environment = "benchmarks"  // as SDK, and what OpenHands/benchmarks imports
)

const pythonVersion = "3.13"

// Driver is one of the programs in the folder drivers, with what it needs.
type Driver struct {
	Folder  string // this package's
	Wheels  environment
	Program string // for example "sdk"
	Env     []string
	As      *syscall.SysProcAttr // whom the program runs as; nil: as this one
	Log     io.Writer            // what the client prints
}

// Python returns the path of the Python that has the driver's wheels. They are
// installed when this is called for the first time on a machine.
func (d Driver) Python(ctx context.Context) (string, error) {
	return lab.PythonEnv(ctx, pythonVersion, filepath.Join(d.Folder, "environments", string(d.Wheels)+".txt"), d.Log)
}

// Client is a client that has started a server.
type Client struct {
	Seconds float64 // from the call of the client until it called the server healthy
	URL     string  // where the client found the server
	Key     string  // of the session, as the client has it; may be empty

	requests io.WriteCloser
	answers  *bufio.Reader
	command  *exec.Cmd
}

// Start has a client start an image, as the request says, and returns when the
// client calls the server healthy. What the request holds depends on the driver.
// The client ends with ctx at the latest.
func (d Driver) Start(ctx context.Context, request map[string]any) (*Client, error) {
	python, err := d.Python(ctx)
	if err != nil {
		return nil, err
	}
	return d.start(ctx, python, request)
}

func (d Driver) start(ctx context.Context, python string, request map[string]any) (*Client, error) {
	// By way of env: a capability that As hands over counts from the first
	// program on, and may be what it takes to reach Python.
	command := exec.CommandContext(ctx, "env", python, filepath.Join(d.Folder, "drivers", d.Program+".py"))
	command.Env = append(os.Environ(), "OPENHANDS_SUPPRESS_BANNER=1", "LITELLM_LOCAL_MODEL_COST_MAP=True", "PYTHONDONTWRITEBYTECODE=1")
	command.Env = append(command.Env, d.Env...)
	command.SysProcAttr = d.As
	command.Stderr = d.Log
	// A client that is interrupted takes away what it started.
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = time.Minute
	requests, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	answers, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c := &Client{command: command, requests: requests, answers: bufio.NewReader(answers)}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting the driver of %s: %w", d.Program, err)
	}
	if err := c.ask(request, c); err != nil {
		_ = c.requests.Close() // so that it ends; it has failed anyway
		return nil, errors.Join(err, command.Wait())
	}
	return c, nil
}

// Bash runs a command by the client's own means.
func (c *Client) Bash(command string) (agentserver.Output, error) {
	var out agentserver.Output
	err := c.ask(map[string]any{"bash": command}, &out)
	return out, err
}

// Converse has an agent with the named tools do what the model at an address
// says, by the SDK that belongs to the client.
func (c *Client) Converse(model string, tools ...string) error {
	var end struct{ Status string }
	if err := c.ask(map[string]any{"converse": model, "tools": tools}, &end); err != nil {
		return err
	}
	if end.Status != "finished" {
		return fmt.Errorf("the conversation ended with status %q", end.Status)
	}
	return nil
}

// Stop has the client stop what it started.
func (c *Client) Stop() error {
	if err := c.requests.Close(); err != nil {
		return err
	}
	var end struct{ Stopped bool }
	err := c.read(&end)
	if err == nil && !end.Stopped {
		err = errors.New("the client ended without a stop")
	}
	return errors.Join(err, c.command.Wait())
}

// ask sends a request and reads its answer.
func (c *Client) ask(request, answer any) error {
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if _, err := c.requests.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("asking the client: %w", err)
	}
	return c.read(answer)
}

func (c *Client) read(answer any) error {
	line, err := c.answers.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("waiting for the client: %w", err)
	}
	var failure struct{ Error string }
	if err := json.Unmarshal(line, &failure); err != nil {
		return fmt.Errorf("%w in %q", err, line)
	}
	if failure.Error != "" {
		return errors.New(failure.Error)
	}
	return json.Unmarshal(line, answer)
}
