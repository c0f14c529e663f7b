package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/docker-openhands/docker-openhands/internal/account"
	"github.com/docker-openhands/docker-openhands/internal/folder"
	"github.com/docker-openhands/docker-openhands/internal/home"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// serverModule is the server of the profile action-execution-server.
const serverModule = "openhands.runtime.action_execution_server"

// downloads is where the server looks for what the browser fetched; the path
// is fixed in its source. Not every version of Playwright makes the folder.
const downloads = payload.Workspace + "/.downloads"

// editorSettings is where the editor keeps what its user sets for the
// workspace; the server's plugin would make it a folder of root's.
const editorSettings = payload.Workspace + "/.vscode"

// actionExecutionServer starts the server:
//
//	oh-action-execution-server [PORT] [OPTION...]
//
// The port is that of the variables OH_PORT or port unless it is given, then
// 8000; addresses of services that Kubernetes puts into OH_PORT do not count.
// Options follow the defaults, so that the last one counts. Run as root the
// server gives its sessions to the user that the image was made for, whom
// oh-init names; otherwise to the user that it runs as.
func (c *call) actionExecutionServer() error {
	port, options := "", c.args
	if len(options) > 0 && isPort(options[0]) {
		port, options = options[0], options[1:]
	}
	for _, variable := range []string{"OH_PORT", "port"} {
		switch value := c.env.get(variable); {
		case port != "" || value == "":
		case serviceAddress.MatchString(value):
			fmt.Fprintf(c.stderr, "%s: %s=%s is passed over: it is the address of a service of the cluster\n", c.name, variable, value)
		case !isPort(value):
			return usage("%s=%s is not a number below 65536; unset the variable, or give the port as first argument", variable, value)
		default:
			port = value
		}
	}
	port = cmp.Or(port, "8000")

	accounts, err := c.readAccounts()
	if err != nil {
		return err
	}
	name, id := cmp.Or(c.env.get(payload.UserVariable), payload.User), payload.DefaultID
	if given := lastOption(options, "--username"); given != "" {
		name = given
	}
	if user, ok := accounts.User(name); ok {
		id = user.UID
	}
	if c.ids.euid != 0 {
		name, id = c.ownSession(c.currentUser(accounts))
	}
	return c.poetryRun(slices.Concat([]string{
		"python", "-u", "-m", serverModule, port,
		"--working-dir", payload.Workspace,
		"--plugins", "agent_skills", "jupyter",
		"--username", name, "--user-id", strconv.Itoa(id),
	}, options))
}

// serviceAddress is what Kubernetes sets NAME_PORT to in every container beside
// a service of that name.
var serviceAddress = regexp.MustCompile(`^(tcp|udp|sctp)://.`)

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// currentUser is the name of the account that the process runs as, or its
// number where it has none.
func (c *call) currentUser(accounts *account.Accounts) string {
	if user, ok := accounts.UserOf(c.ids.euid); ok {
		return user.Name
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
	i := payload.ModuleIndex(command)
	return i > 0 && command[i] == serverModule
}

// prepareServer sees to what the server expects to find: its sources as the
// working directory, an account's variables, a home, folders to write to. It
// returns the command with the user whom sessions are for.
func (c *call) prepareServer(env *environ, command []string) ([]string, error) {
	accounts, err := c.readAccounts()
	if err != nil {
		return nil, err
	}
	name := cmp.Or(lastOption(command, "--username"), payload.User)
	workspace := cmp.Or(lastOption(command, "--working-dir"), payload.Workspace)
	if err := c.stepDown(accounts, name, lastOption(command, "--user-id"), workspace); err != nil {
		return nil, err
	}
	command, session, err := c.session(accounts, command)
	if err != nil {
		return nil, err
	}
	if session != "" {
		// The server opens sessions through su only for users that it knows.
		env.replace(payload.UserVariable, session)
	}
	// tmux runs su with it, where the base's own may be broken.
	env.replace("SHELL", payload.FallbackBin+"/bash")
	if c.ids.euid != 0 && session != "" {
		env.set("USER", session)
	} else {
		env.set("USER", c.currentUser(accounts))
	}
	own, _ := accounts.UserOf(c.ids.euid)
	if c.ids.euid == 0 {
		own.Home = cmp.Or(own.Home, "/root")
	}
	if dir, err := home.Find(c.root, env.get("HOME"), own.Home); err == nil {
		env.set("HOME", dir)
	} else {
		fmt.Fprintf(c.stderr, "%s: going on without a home: %v\n", c.name, err)
	}
	folders, written := []string{payload.Workspace, downloads}, []string{".downloads"}
	if slices.Contains(command, "vscode") {
		folders, written = append(folders, editorSettings), append(written, ".vscode", ".vscode/settings.json")
	}
	if err := c.keepInside(written); err != nil {
		return nil, err
	}
	if err := c.makeFolders(folders, accounts, session); err != nil {
		fmt.Fprintf(c.stderr, "%s: files that the browser fetches and settings of the editor will be lost: %v\n", c.name, err)
	}
	return command, c.chdir(payload.Code)
}

// session decides whose the server's sessions are. Only root can give them to
// another user, and only with the capabilities for it: any other user keeps
// them, whomever the command names. Root never does instead of the user that
// was asked for.
func (c *call) session(accounts *account.Accounts, command []string) (_ []string, name string, err error) {
	name = lastOption(command, "--username")
	user, known := accounts.User(name)
	own := c.currentUser(accounts)
	mine := name == own || known && user.UID == c.ids.euid
	switch {
	case name == "":
	case c.ids.euid != 0:
		if !mine {
			fmt.Fprintf(c.stderr, "%s: sessions are those of user %s, whom the container runs as: only root could start some of %s\n", c.name, own, name)
			name = own
		}
		var id int
		if name, id = c.ownSession(name); lastOption(command, "--username") != name || lastOption(command, "--user-id") != strconv.Itoa(id) {
			command = slices.Concat(command, []string{"--username", name, "--user-id", strconv.Itoa(id)})
		}
	case mine:
	case c.changesUser() && !canChange():
		return nil, "", fmt.Errorf("root cannot start sessions of %s: the container lacks the capabilities SETGID and SETUID; "+
			"start it with --user %[1]s, or with --cap-add SETGID --cap-add SETUID", name)
	}
	return command, name, nil
}

// ownSession is what the server is told of a process that is not root, by the
// name of its account. The server gives new files to the user and the group of
// one number. Where the process's group is another one it may not, and the
// server is told to leave them as they are; of its own account it would look
// the number up, so that goes by the number instead.
func (c *call) ownSession(name string) (string, int) {
	if c.ids.egid == c.ids.euid {
		return name, c.ids.euid
	}
	if name == payload.User {
		name = strconv.Itoa(c.ids.euid)
	}
	return name, unchanged
}

// changesUser reads SU_TO_USER as the server does: without it, sessions are
// those of the server's own user.
func (c *call) changesUser() bool {
	value := strings.ToLower(cmp.Or(c.env.get("SU_TO_USER"), "true"))
	return slices.Contains([]string{"1", "true", "t", "yes", "y", "on"}, value)
}

// makeFolders creates those of the folders that are missing. They belong to
// the user of the sessions and, as in the server itself, to the group
// SANDBOX_GROUP_ID or root.
func (c *call) makeFolders(folders []string, accounts *account.Accounts, owner string) error {
	defer syscall.Umask(syscall.Umask(0o002))
	for _, path := range folders {
		if err := c.makeFolder(path, accounts, owner); err != nil {
			return fmt.Errorf("making %s: %w", path, err)
		}
	}
	return nil
}

// makeFolder leaves alone what is there. Users can write to the workspace: what
// is given to one of them is the very folder that was made.
func (c *call) makeFolder(absolute string, accounts *account.Accounts, owner string) error {
	parent, err := os.OpenRoot(c.path(path.Dir(absolute)))
	if err != nil {
		return err
	}
	defer parent.Close()
	name := path.Base(absolute)
	if err := parent.Mkdir(name, 0o775); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	user, ok := accounts.User(owner)
	if c.ids.euid != 0 || !ok {
		return nil
	}
	return folder.Give(parent, name, user.UID, c.workspaceGroup(accounts))
}

// workspaceGroup is the group that the server gives the workspace to.
func (c *call) workspaceGroup(accounts *account.Accounts) int {
	gid, ok := resolveGroup(accounts, c.env.get("SANDBOX_GROUP_ID"))
	if !ok {
		return 0
	}
	return gid
}
