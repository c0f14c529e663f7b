// Oh-wrappers is the multi-call binary of the payload: the name that it is
// called by says what it does.
//
//	oh-action-execution-server      the default command of a runtime image
//	oh-agent-server                 the entry point of one of the other profile
//	oh-python, oh-playwright        programs of the server's virtual environment
//	micromamba                      the entry point that unmodified OpenHands calls
//	su sudo useradd groupadd id chown tmux
//	                                programs for the server alone
//	oh-shell                        the bash of a window, see ownShell
//	uv uvx                          the payload's, for the server's MCP servers
//	oh-sudo                         sudo behind the setuid stub of the set-up layer
//	clear                           for bases without ncurses or BusyBox
//	code, oh-code                   the client of the editor whose terminal it is called in
//	anything else                   a launcher, see payload.Launcher
//
// Called by its own name it takes the name as first argument, or --list, which
// prints the path of every link to it that the payload needs.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

func main() {
	c := &call{
		args:   os.Args,
		env:    environ(os.Environ()),
		stdout: os.Stdout,
		stderr: os.Stderr,
		ids:    processIDs(),
		exec:   syscall.Exec,
	}
	err := c.dispatch()
	if err == nil {
		return
	}
	var ended exitStatus
	if errors.As(err, &ended) {
		os.Exit(int(ended))
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", c.name, err)
	var failed *statusError
	if errors.As(err, &failed) {
		os.Exit(failed.code)
	}
	os.Exit(1)
}

// call is one invocation and everything outside of the process that it uses.
type call struct {
	name   string
	argv0  string   // as the caller gave it
	args   []string // without the name, once dispatched
	env    environ
	root   string // put before every absolute path that is looked at; empty but in tests
	stdout io.Writer
	stderr io.Writer
	ids    ids
	exec   func(path string, argv, env []string) error // returns only on failure
}

// ids are the real and effective identity of the process.
type ids struct{ uid, euid, gid, egid int }

func processIDs() ids {
	return ids{os.Getuid(), os.Geteuid(), os.Getgid(), os.Getegid()}
}

// elevated reports whether the process has rights that its caller has not.
func (i ids) elevated() bool { return i.uid != i.euid || i.gid != i.egid }

// dispatch runs the program that argv[0], or the first argument, names.
func (c *call) dispatch() error {
	own := filepath.Base(payload.Wrappers)
	c.name = own
	if len(c.args) > 0 {
		c.argv0 = c.args[0]
		c.name = filepath.Base(c.argv0)
		c.args = c.args[1:]
	}
	// argv[0] is the caller's choice: with rights that the caller has not,
	// nothing but the program that checks them may run.
	if c.ids.elevated() {
		c.name = "sudo"
		return c.sudo()
	}
	if c.name == own {
		if len(c.args) == 0 {
			return usage("a program's name or --list is needed")
		}
		if c.args[0] == "--list" {
			return c.list()
		}
		c.name, c.args = c.args[0], c.args[1:]
	}
	switch c.name {
	case "oh-action-execution-server":
		return c.actionExecutionServer()
	case "oh-agent-server":
		return c.agentServer()
	case "oh-python":
		return c.virtualEnv("python")
	case "oh-playwright":
		return c.virtualEnv("playwright")
	case "micromamba":
		return c.micromamba()
	case "su":
		return c.su()
	case "sudo", "oh-sudo":
		return c.sudo()
	case "useradd":
		return c.useradd()
	case "groupadd":
		return c.groupadd()
	case "id":
		return c.id()
	case "chown":
		return c.chown()
	case "uv", "uvx":
		return c.uv()
	case "tmux":
		return c.tmux()
	case "oh-shell":
		return c.ownShell()
	case payload.StartUpFiles:
		return c.startUpFiles()
	case "clear":
		return c.clear()
	case "code", "oh-code":
		return c.code()
	}
	return c.launch()
}

func (c *call) list() error {
	for _, link := range payload.WrapperLinks() {
		if _, err := fmt.Fprintln(c.stdout, link.Path); err != nil {
			return err
		}
	}
	return nil
}

// path is where an absolute path of the container lies for this call.
func (c *call) path(absolute string) string { return c.root + absolute }

// chdir enters an absolute folder of the container.
func (c *call) chdir(absolute string) error { return os.Chdir(c.path(absolute)) }

// statusError is an error with an exit status other than 1.
type statusError struct {
	code int
	err  error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

func status(code int, format string, args ...any) error {
	return &statusError{code, fmt.Errorf(format, args...)}
}

func usage(format string, args ...any) error { return status(2, format, args...) }

// run replaces the process by argv, whose program is looked up in env's PATH
// as a shell would: 127 is the status for one that is not there, 126 for one
// that cannot be executed.
func (c *call) run(argv []string, env environ) error {
	path, err := c.look(argv[0], env.get("PATH"))
	if err != nil {
		return err
	}
	return c.start(path, argv, env)
}

// start replaces the process by the program at path.
func (c *call) start(path string, argv []string, env environ) error {
	err := c.exec(path, argv, env)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOENT):
		return status(127, "starting %s: %w", path, err)
	}
	return status(126, "starting %s: %w", path, err)
}

// look finds a program in the folders of searchPath; relative folders,
// and therefore the empty one, are passed over.
func (c *call) look(name, searchPath string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for folder := range strings.SplitSeq(searchPath, ":") {
		if path := filepath.Join(folder, name); filepath.IsAbs(path) && c.executable(path) {
			return path, nil
		}
	}
	return "", status(127, "%s: not found in PATH (%s)", name, searchPath)
}

func (c *call) executable(path string) bool {
	info, err := os.Stat(c.path(path))
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
