package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/home"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// launch starts the program of the launcher that the call is named after. A
// fallback program such as tmux is served by the launcher oh-tmux where there
// is none of its own name, and a link of any name by the launcher that it
// leads to: Playwright's chrome is a link to oh-chromium.
func (c *call) launch() error {
	launcher, err := c.launcher(c.name)
	if err != nil {
		return err
	}
	if launcher.User {
		c.env = c.env.forUser()
	}
	for _, pattern := range launcher.Unset {
		c.env.unset(pattern)
	}
	for _, name := range slices.Sorted(maps.Keys(launcher.Env)) {
		c.env.set(name, launcher.Env[name])
	}
	c.ensureHome()
	if launcher.Dir != "" {
		if err := c.chdir(launcher.Dir); err != nil {
			return err
		}
	}
	argv0 := launcher.Argv0
	if argv0 == "" {
		argv0 = launcher.Path
	}
	return c.start(launcher.Path, slices.Concat([]string{argv0}, launcher.Args, c.args), c.env)
}

func (c *call) launcher(name string) (*payload.Launcher, error) {
	if name == "" || strings.Contains(name, "/") || strings.HasPrefix(name, ".") {
		return nil, status(127, "%q is not the name of a program", name)
	}
	candidates := []string{name, "oh-" + name}
	if path.IsAbs(c.argv0) {
		if target, err := os.Readlink(c.path(c.argv0)); err == nil {
			candidates = append(candidates, path.Base(target))
		}
	}
	for _, candidate := range candidates {
		file := payload.Launchers + "/" + candidate + ".json"
		text, err := os.ReadFile(c.path(file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		launcher := new(payload.Launcher)
		if err := json.Unmarshal(text, launcher); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		if !strings.HasPrefix(launcher.Path, "/") {
			return nil, fmt.Errorf("reading %s: path %q is not absolute", file, launcher.Path)
		}
		return launcher, nil
	}
	if launcher := fallbackPython(name); launcher != nil {
		return launcher, nil
	}
	return nil, status(127, "the payload has no program of this name (no %s/%s.json)", payload.Launchers, name)
}

// fallbackPython is what the fallback's Python names start unless a component
// brings a launcher for them. What makes environments of its own, as uvx does,
// takes the one with the version in its name: it passes over a Python that is
// a virtual environment's, and a link would lead it to a wrong prefix.
func fallbackPython(name string) *payload.Launcher {
	// They say where the base's own Python and the modules of its OpenSSL lie.
	python := payload.Launcher{Path: venvBin + "/python", Unset: []string{"PYTHONHOME", "PYTHONPLATLIBDIR", "OPENSSL_*"}}
	switch name {
	case "python", "python3":
		return &python
	case "pip", "pip3":
		python.Args = []string{"-m", "pip"}
		return &python
	case path.Base(payload.Interpreter):
		python.Path = payload.Interpreter
		return &python
	}
	return nil
}

// ensureHome gives the program a home where the engine found none: it sets
// HOME to / for a user ID without an account.
func (c *call) ensureHome() {
	if c.env.get("HOME") != "/" {
		return
	}
	var own string
	if accounts, err := c.readAccounts(); err == nil {
		user, _ := accounts.UserOf(c.ids.euid)
		own = user.Home
	}
	if dir, err := home.Find(c.root, own); err == nil {
		c.env.set("HOME", dir)
	}
}

// virtualEnv starts a program of the server's virtual environment.
func (c *call) virtualEnv(program string) error {
	c.ensureHome()
	file := venvBin + "/" + program
	return c.start(file, append([]string{file}, c.args...), c.env.forTool(venvBin))
}
