package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// serverModule is the server of the profile action-execution-server.
const serverModule = "openhands.runtime.action_execution_server"

// downloads is where the server looks for what the browser fetched; the path
// is fixed in its source. Not every version of Playwright makes the folder.
const downloads = payload.Workspace + "/.downloads"

// actionExecutionServer starts the server:
//
//	oh-action-execution-server [PORT] [OPTION...]
//
// The port is that of the variables OH_PORT or port unless it is given, then
// 8000. Options follow the defaults, so that the last one counts. Run as root
// the server gives its sessions to the user that the image was made for,
// otherwise to the user that it runs as.
func (c *call) actionExecutionServer() error {
	port, options := "8000", c.args
	for _, value := range []string{c.env.get("port"), c.env.get("OH_PORT")} {
		if value != "" {
			port = value
		}
	}
	if len(options) > 0 {
		if _, err := strconv.ParseUint(options[0], 10, 16); err == nil {
			port, options = options[0], options[1:]
		}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return usage("port %q is not a number below 65536", port)
	}

	accounts, err := readAccounts(c.root)
	if err != nil {
		return err
	}
	name, id := payload.User, payload.DefaultID
	if c.ids.euid != 0 {
		name, id = c.currentUser(accounts), c.ids.euid
		// The server opens sessions through su only for users that it knows.
		c.env.set("RUNTIME_USERNAME", name)
	}
	if given := lastOption(options, "--username"); given != "" {
		name = given
	}
	if user, ok := accounts.user(name); ok {
		id = user.uid
	}
	return c.poetryRun(slices.Concat([]string{
		"python", "-u", "-m", serverModule, port,
		"--working-dir", payload.Workspace,
		"--plugins", "agent_skills", "jupyter",
		"--username", name, "--user-id", strconv.Itoa(id),
	}, options))
}

// currentUser is the name of the account that the process runs as, or its
// number where it has none.
func (c *call) currentUser(accounts *accounts) string {
	if user, ok := accounts.userOf(c.ids.euid); ok {
		return user.name
	}
	return strconv.Itoa(c.ids.euid)
}

// lastOption returns the value of the last "NAME VALUE" or "NAME=VALUE".
func lastOption(args []string, name string) (value string) {
	for i, arg := range args {
		if v, ok := strings.CutPrefix(arg, name+"="); ok {
			value = v
		} else if arg == name && i+1 < len(args) {
			value = args[i+1]
		}
	}
	return value
}

// isServer reports whether a command is the start of the server.
func isServer(command []string) bool {
	i := slices.Index(command, "-m")
	return strings.HasPrefix(path.Base(command[0]), "python") && i > 0 &&
		i+1 < len(command) && command[i+1] == serverModule
}

// prepareServer sees to what the server expects to find: its sources as the
// working directory, an account's variables, the folder for downloads. Of
// PYTHONPATH the server gets only what lies in the payload; its children get
// back the rest.
func (c *call) prepareServer(env *environ, command []string) error {
	var kept []string
	for folder := range strings.SplitSeq(env.get("PYTHONPATH"), ":") {
		if strings.HasPrefix(path.Clean(folder), payload.Prefix+"/") {
			kept = append(kept, folder)
		}
	}
	env.replace("PYTHONPATH", strings.Join(kept, ":"))

	accounts, err := readAccounts(c.root)
	if err != nil {
		return err
	}
	env.set("USER", c.currentUser(accounts))
	if user, ok := accounts.userOf(c.ids.euid); ok {
		env.setDefault("HOME", user.home)
	} else if c.ids.euid == 0 {
		env.setDefault("HOME", "/root")
	}
	if err := c.makeDownloads(accounts, lastOption(command, "--username")); err != nil {
		fmt.Fprintf(c.stderr, "%s: files that the browser fetches will be lost: %v\n", c.name, err)
	}
	return c.chdir(payload.Code)
}

// makeDownloads creates the folder for downloads and, where needed, the one
// around it. They belong to the user of the sessions and, as in the server
// itself, to the group SANDBOX_GROUP_ID or root.
func (c *call) makeDownloads(accounts *accounts, owner string) error {
	defer syscall.Umask(syscall.Umask(0o002))
	for _, folder := range []string{payload.Workspace, downloads} {
		err := os.Mkdir(c.path(folder), 0o775)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		user, ok := accounts.user(owner)
		if c.ids.euid != 0 || !ok {
			continue
		}
		gid, ok := accounts.resolveGroup(c.env.get("SANDBOX_GROUP_ID"))
		if !ok {
			gid = 0
		}
		if err := os.Lchown(c.path(folder), user.uid, gid); err != nil {
			return err
		}
	}
	return nil
}
