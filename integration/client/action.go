package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// defaultTimeout is how long an action may take that sets no limit.
const defaultTimeout = 2 * time.Minute

// grace is how much longer than an action's limit its answer is waited for.
const grace = time.Minute

// action is the wire form of an event that asks for something.
type action struct {
	Action  string  `json:"action"`
	Args    any     `json:"args"`
	Timeout float64 `json:"timeout"` // seconds
}

// observation is the wire form of an event that tells what came of an action.
type observation struct {
	Observation string          `json:"observation"`
	Content     string          `json:"content"`
	Extras      json.RawMessage `json:"extras"`
}

// ActionError is an observation of the kind "error": the server understood
// the action, but it failed.
type ActionError struct{ Action, Content string }

func (e *ActionError) Error() string { return e.Action + ": " + e.Content }

func (c *Client) execute(ctx context.Context, a action, extras any) (string, error) {
	if a.Timeout == 0 {
		a.Timeout = defaultTimeout.Seconds()
	}
	limit := time.Duration(a.Timeout*float64(time.Second)) + grace
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer after %s", limit))
	defer cancel()
	var o observation
	if err := c.post(ctx, "/execute_action", map[string]action{"action": a}, &o); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return "", fmt.Errorf("action %s: %w", a.Action, err)
	}
	if o.Observation == "error" {
		return "", &ActionError{a.Action, o.Content}
	}
	if extras != nil {
		if err := json.Unmarshal(o.Extras, extras); err != nil {
			return "", fmt.Errorf("decoding the observation %s: %w", o.Observation, err)
		}
	}
	return o.Content, nil
}

// Command is a line for the sandbox's shell, one session for all of them.
type Command struct {
	Line    string
	Input   bool          // input for the program that still runs, not a new line
	Dir     string        // run in this folder, in a session of its own
	Early   bool          // answer when the command is silent for NO_CHANGE_TIMEOUT_SECONDS
	Timeout time.Duration // the shell stops waiting after it; 0 means two minutes
}

// CommandResult is what a shell printed, and its prompt's view of the session.
type CommandResult struct {
	Output      string
	ExitCode    int    // -1 while the command still runs
	Username    string // of the shell
	WorkingDir  string
	Interpreter string // what "python" means in the shell
	Remark      string // the server's own words, for example about a time-out
	Truncated   bool   // the server did not see where the output began
}

// Run executes a command. It returns when the command ends or at its time-out;
// OpenHands' own default is Early.
func (c *Client) Run(ctx context.Context, command Command) (CommandResult, error) {
	args := map[string]any{"command": command.Line, "is_input": command.Input, "blocking": !command.Early}
	if command.Dir != "" {
		args["is_static"], args["cwd"], args["hidden"] = true, command.Dir, true
	}
	var extras struct {
		Metadata struct {
			ExitCode    int    `json:"exit_code"`
			Username    string `json:"username"`
			WorkingDir  string `json:"working_dir"`
			Interpreter string `json:"py_interpreter_path"`
			Prefix      string `json:"prefix"`
			Suffix      string `json:"suffix"`
		} `json:"metadata"`
	}
	content, err := c.execute(ctx, action{"run", args, command.Timeout.Seconds()}, &extras)
	m := extras.Metadata
	truncated := strings.HasPrefix(m.Prefix, "[Previous command outputs are truncated")
	return CommandResult{content, m.ExitCode, m.Username, m.WorkingDir, m.Interpreter, strings.TrimSpace(m.Suffix), truncated}, err
}

// RunAgain runs a command that does no harm when it is run twice, and gets its
// output even where Run would not: a busy server may look at the terminal
// before the shell does, take the old prompt for the new one and answer with
// nothing, as if output had been truncated.
func (c *Client) RunAgain(ctx context.Context, command Command) (CommandResult, error) {
	const attempts = 5
	for attempt := range attempts {
		result, err := c.Run(ctx, command)
		if err != nil || !result.Truncated {
			return result, err
		}
		if command.Dir != "" {
			continue // the session is gone, and the late output with it
		}
		// The late output would be taken for that of the next command.
		if result, err := c.getInStep(ctx, fmt.Sprintf("in-step-%d", attempt)); err != nil {
			return result, fmt.Errorf("after the output of %q was lost: %w", command.Line, err)
		}
	}
	return CommandResult{}, fmt.Errorf("the server lost the output of %q %d times", command.Line, attempts)
}

// getInStep runs commands until the server's answer is that of the command.
func (c *Client) getInStep(ctx context.Context, token string) (result CommandResult, err error) {
	for range 20 {
		result, err = c.Run(ctx, Command{Line: "echo " + token})
		if err != nil || !result.Truncated && strings.TrimSpace(result.Output) == token {
			return result, err
		}
	}
	return result, fmt.Errorf("the shell answers %q to an echo: %s", result.Output, result.Remark)
}

// RunCell executes Python code in the sandbox's notebook kernel and returns
// what the cell printed.
func (c *Client) RunCell(ctx context.Context, code string) (string, error) {
	args := map[string]any{"code": code, "include_extra": false}
	return c.execute(ctx, action{Action: "run_ipython", Args: args}, nil)
}

// Write makes or replaces a file of the sandbox.
func (c *Client) Write(ctx context.Context, path, content string) error {
	args := map[string]any{"path": path, "content": content}
	_, err := c.execute(ctx, action{Action: "write", Args: args}, nil)
	return err
}

// Read returns a text file of the sandbox.
func (c *Client) Read(ctx context.Context, path string) (string, error) {
	return c.execute(ctx, action{Action: "read", Args: map[string]any{"path": path}}, nil)
}

// ReadLines returns the lines of a text file from start to before end, counted
// from 0; an end of -1 is that of the file.
func (c *Client) ReadLines(ctx context.Context, path string, start, end int) (string, error) {
	return c.execute(ctx, action{Action: "read", Args: map[string]any{"path": path, "start": start, "end": end}}, nil)
}

// WriteLines replaces those lines by content.
func (c *Client) WriteLines(ctx context.Context, path string, start, end int, content string) error {
	args := map[string]any{"path": path, "content": content, "start": start, "end": end}
	_, err := c.execute(ctx, action{Action: "write", Args: args}, nil)
	return err
}

// ReadImage returns a picture that lies in the shell's working directory.
func (c *Client) ReadImage(ctx context.Context, name string) ([]byte, error) {
	url, err := c.execute(ctx, action{Action: "read", Args: map[string]any{"path": name}}, nil)
	if err != nil {
		return nil, err
	}
	return decodeDataURL(url)
}

// View shows a folder or file as the editor does: a folder as the names in it,
// a document as Markdown.
func (c *Client) View(ctx context.Context, path string) (string, error) {
	args := map[string]any{"path": path, "command": "view", "impl_source": "oh_aci"}
	return c.execute(ctx, action{Action: "edit", Args: args}, nil)
}

// Replace replaces the one occurrence of old in a file of the sandbox and
// returns the editor's report.
func (c *Client) Replace(ctx context.Context, path, old, replacement string) (string, error) {
	args := map[string]any{
		"path": path, "command": "str_replace", "old_str": old, "new_str": replacement, "impl_source": "oh_aci",
	}
	return c.execute(ctx, action{Action: "edit", Args: args}, nil)
}

// Page is what the browser shows.
type Page struct {
	Text           string // readable text of the page
	URL            string
	Screenshot     []byte // an encoded picture
	ScreenshotPath string // where the server saved it in the sandbox
}

// Browse carries out browser actions such as goto("http://...").
func (c *Client) Browse(ctx context.Context, actions string) (Page, error) {
	var extras struct {
		URL            string `json:"url"`
		Screenshot     string `json:"screenshot"`
		ScreenshotPath string `json:"screenshot_path"`
		Error          bool   `json:"error"`
		LastError      string `json:"last_browser_action_error"`
	}
	args := map[string]any{"browser_actions": actions}
	content, err := c.execute(ctx, action{Action: "browse_interactive", Args: args}, &extras)
	if err != nil {
		return Page{}, err
	}
	if extras.Error {
		return Page{}, &ActionError{"browse_interactive", extras.LastError}
	}
	picture, err := decodeDataURL(extras.Screenshot)
	return Page{content, extras.URL, picture, extras.ScreenshotPath}, err
}

// Fetch has the browser download what is at an address. It returns where the
// server put the file.
func (c *Client) Fetch(ctx context.Context, address string) (string, error) {
	var extras struct {
		Path string `json:"file_path"`
	}
	args := map[string]any{"browser_actions": fmt.Sprintf("goto(%q)", address)}
	content, err := c.execute(ctx, action{Action: "browse_interactive", Args: args}, &extras)
	if err == nil && extras.Path == "" {
		err = fmt.Errorf("the browser did not take %s for a file: %s", address, content)
	}
	return extras.Path, err
}

// decodeDataURL decodes the data of a base64 data URL, see RFC 2397.
func decodeDataURL(text string) ([]byte, error) {
	_, data, ok := strings.Cut(text, ";base64,")
	if !ok || !strings.HasPrefix(text, "data:") {
		return nil, fmt.Errorf("not a base64 data URL: %.40q", text)
	}
	return base64.StdEncoding.DecodeString(data)
}
