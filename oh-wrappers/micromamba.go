package main

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// environmentName is what OpenHands calls its environment.
const environmentName = "openhands"

// micromambaVersion is answered to --version. It is that of the command line
// that the entry understands.
const micromambaVersion = "2.0.0"

// micromamba answers what OpenHands and its scripts ask of micromamba; the one
// environment that there is has been made with the payload.
//
//	run [-n openhands|-p PREFIX] [--cwd DIR] [-e NAME=VALUE] COMMAND [ARG...]
//	shell hook, env list, --version
//
// Settings and caches concern what would be installed, which nothing can be:
// `config` and `clean` succeed without doing anything.
func (c *call) micromamba() error {
	args := c.args
	verb := ""
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	switch verb {
	case "--version", "-V":
		return c.print(micromambaVersion)
	case "run":
		return c.micromambaRun(args)
	case "shell":
		if len(args) > 0 && args[0] == "hook" {
			return c.print(shellHook)
		}
	case "env":
		if len(args) > 0 && args[0] == "list" {
			return c.print(fmt.Sprintf("  Name       Active  Path\n  %s          %s", environmentName, payload.Venv))
		}
	case "config", "clean":
		return nil
	}
	return usage("%q is not supported: this container's one environment is read-only (run, shell hook, env list and --version are)",
		strings.Join(c.args, " "))
}

func (c *call) print(text string) error {
	_, err := fmt.Fprintln(c.stdout, text)
	return err
}

// shellHook is what a shell evaluates. A person who activates the environment
// means its Python, not the server's programs for accounts.
const shellHook = `micromamba() {
    case "$1" in
    activate)
        export VIRTUAL_ENV='` + payload.Venv + `'
        case ":$PATH:" in
        *":$VIRTUAL_ENV/bin:"*) ;;
        *) export PATH="$VIRTUAL_ENV/bin:$PATH" ;;
        esac ;;
    deactivate)
        PATH=":$PATH:"
        PATH="${PATH//":` + venvBin + `:"/:}"
        PATH="${PATH#:}"
        export PATH="${PATH%:}"
        unset VIRTUAL_ENV ;;
    *) '` + payload.Micromamba + `' "$@" ;;
    esac
}`

func (c *call) micromambaRun(args []string) error {
	options, command, err := syntax{short: "n:p:r:C:e:a:L", ordered: true, long: map[string]byte{
		"name": 'n', "prefix": 'p', "root-prefix": 'r', "cwd": 'C', "env": 'e',
		"attach": 'a', "live-stream": 'L', "no-capture-output": 'L',
	}}.parse(args)
	if err != nil {
		return err
	}
	for _, o := range options {
		switch o.letter {
		case 'n':
			if o.value != environmentName && o.value != "base" {
				return usage("there is no environment %q, only %q", o.value, environmentName)
			}
		case 'p':
			switch filepath.Clean(o.value) {
			case payload.Venv, payload.MicromambaRoot, payload.MicromambaRoot + "/envs/" + environmentName:
			default:
				return usage("there is no environment at %s, only at %s", o.value, payload.Venv)
			}
		case 'C':
			if err := os.Chdir(o.value); err != nil {
				return err
			}
		case 'e':
			name, value, ok := strings.Cut(o.value, "=")
			if !ok || name == "" {
				return usage("-e %s: NAME=VALUE is needed", o.value)
			}
			c.env.set(name, value)
		}
	}
	if len(command) == 0 {
		return usage("run: a command is needed")
	}
	if command[0] == "poetry" {
		return c.poetry(command[1:])
	}
	// Without Poetry it is the user's side that asks, for example for the
	// gateway of notebooks: the server's account programs stay out of it.
	return c.run(sooner(command), c.environOf(command))
}

// poetry answers for Poetry, which the payload does not contain:
//
//	run COMMAND [ARG...]
//	env info --path|--executable
//	config virtualenvs.path [DIR]
func (c *call) poetry(args []string) error {
	switch {
	case len(args) > 1 && args[0] == "run":
		return c.poetryRun(args[1:])
	case len(args) == 3 && args[0] == "env" && args[1] == "info":
		switch args[2] {
		case "--path", "-p":
			return c.print(payload.Venv)
		case "--executable", "-e":
			return c.print(venvBin + "/python")
		}
	case len(args) >= 2 && args[0] == "config" && args[1] == "virtualenvs.path":
		if len(args) == 2 {
			return c.print(payload.Poetry)
		}
		if filepath.Clean(args[2]) == payload.Poetry {
			return nil
		}
	}
	return usage("poetry %s is not supported: the environment %s is read-only and complete", strings.Join(args, " "), payload.Venv)
}

func (c *call) poetryRun(command []string) error {
	env := c.environOf(command, payload.CompatBin)
	if isServer(command) {
		var err error
		if command, err = c.prepareServer(&env, c.fit(command)); err != nil {
			return err
		}
	}
	return c.run(sooner(command), env)
}

// environOf is the environment of a command in the virtual environment: of the
// server, of the gateway to the kernels of notebooks, or of a tool of the
// user's. first are folders that come behind the virtual environment's.
func (c *call) environOf(command []string, first ...string) environ {
	first = append([]string{venvBin}, first...)
	own := append(inVenv(), payload.Var{Name: "PYTHONPATH", Value: ofPayload(c.env.get("PYTHONPATH"))})
	switch {
	case isServer(command):
		return c.serverEnviron(ofActionExecutionServer, own, first...)
	case isGateway(command):
		// The server, which has said the same, takes a line from the gateway for
		// the news that it is ready.
		silent := *c
		silent.stderr = io.Discard
		return silent.serverEnviron(nil, append(own, ofJupyter...), first...)
	}
	return c.env.forTool(first...)
}

// ofJupyter has the gateway read no configuration but the one that it is given,
// and find the payload's kernel before one of the same name in the user's home.
var ofJupyter = []payload.Var{{Name: "JUPYTER_NO_CONFIG", Value: "1"}, {Name: "JUPYTER_PREFER_ENV_PATH", Value: "1"}}

// ofPayload returns those folders of a search path that lie in the payload.
func ofPayload(searchPath string) string {
	var kept []string
	for folder := range strings.SplitSeq(searchPath, ":") {
		if strings.HasPrefix(path.Clean(folder), payload.Prefix+"/") {
			kept = append(kept, folder)
		}
	}
	return strings.Join(kept, ":")
}
