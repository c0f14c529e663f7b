package main

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/docker-openhands/docker-openhands/internal/account"
	"github.com/docker-openhands/docker-openhands/internal/home"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// suKept are the variables of the caller that a login shell sees. Beside TERM,
// which every su keeps, they are what a shell in a container needs to work
// like the one of `docker exec`.
var suKept = []string{
	"TERM", "COLORTERM", "LANG", "LC_*", "TZ", "TMUX", "TMUX_PANE",
	"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy",
	"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
	"SSL_CERT_FILE", "SSL_CERT_DIR", payload.ToolsVariable, "EDITOR", "VISUAL", "GIT_EDITOR",
	"POETRY_VIRTUALENVS_PATH", "MAMBA_ROOT_PREFIX", "PLAYWRIGHT_BROWSERS_PATH", "OPENVSCODE_SERVER_ROOT",
}

// su runs a shell as another user:
//
//	su [-|-l] [-m] [-c COMMAND] [-s SHELL] [USER [ARGUMENT...]]
//
// It reads its command line as the su of util-linux: only a "-" before the
// user makes a login shell. In the server's `su USER -` it is an argument of
// bash, where it ends the options; that shell keeps the caller's working
// directory and variables. In both cases the environment is the user's: what
// the server has for itself is taken out.
//
// The shell is always a bash, since the server drives it through
// PROMPT_COMMAND. HOME is another folder than the account's where that one
// cannot be written to, see home.Find.
func (c *call) su() error {
	options, operands, err := syntax{short: "lmpc:s:", long: map[string]byte{
		"login": 'l', "preserve-environment": 'm', "command": 'c', "shell": 's',
	}}.parse(c.args)
	if err != nil {
		return err
	}
	var login, preserve, hasCommand bool
	var command, shell string
	for _, o := range options {
		switch o.letter {
		case 'l':
			login = true
		case 'm', 'p':
			preserve = true
		case 'c':
			hasCommand, command = true, o.value
		case 's':
			shell = o.value
		}
	}
	if len(operands) > 0 && operands[0] == "-" {
		login, operands = true, operands[1:]
	}
	name := "root"
	if len(operands) > 0 {
		name, operands = operands[0], operands[1:]
	}

	accounts, err := c.readAccounts()
	if err != nil {
		return err
	}
	user, err := c.suAccount(accounts, name)
	if err != nil {
		return err
	}
	if c.ids.euid == 0 && c.apart(user) {
		return c.startApart(user, payload.CompatBin+"/su")
	}
	log := c.containerLog() // which only root can open
	if err := c.become(accounts, user); err != nil {
		return err
	}
	if dir, err := home.Find(c.root, user.Home); err == nil {
		user.Home = dir
	}
	env, err := c.suEnviron(user, login, preserve && !login)
	if err != nil {
		return err
	}
	if login {
		// A home that cannot be entered leaves the shell where it is, as a
		// login does.
		_ = c.chdir(user.Home)
	}
	use := shellUse{login: login, interactive: !hasCommand && isTerminal(), keepSHELL: preserve && !login}
	s := c.bash(env, use, shell, user.Shell, "/bin/bash")
	c.report(log, s)
	switch {
	case hasCommand:
		s.argv = append(s.argv, "-c", command)
	case s.talks && c.env.isServer():
		// The server reads what the gateway of notebooks prints: a line at a
		// time, each with a second's rest, as UTF-8.
		if s, err = s.hushed(); err != nil {
			return err
		}
	}
	return c.start(s.path, slices.Concat(s.argv, operands), s.env)
}

// suAccount finds the user. Its own number names the caller as well, with the
// group that the container runs in, and is all that names an ID without an
// account.
func (c *call) suAccount(accounts *account.Accounts, name string) (account.User, error) {
	if user, ok := accounts.User(name); ok {
		return user, nil
	}
	if name == strconv.Itoa(c.ids.uid) {
		user, ok := accounts.UserOf(c.ids.uid)
		if !ok {
			user = account.User{Name: name, UID: c.ids.uid, Home: c.env.get("HOME")}
		}
		user.GID = c.ids.gid
		return user, nil
	}
	if name == "root" {
		return account.User{Name: "root", Home: "/root"}, nil
	}
	return account.User{}, usage("user %s does not exist", name)
}

func (c *call) suEnviron(user account.User, login, preserve bool) (environ, error) {
	env := c.env.forUser()
	env.forget(secrets)
	path := env.get("PATH")
	if login {
		env = env.only(suKept...)
	}
	system, err := c.etcEnvironment()
	if err != nil {
		return nil, err
	}
	for _, v := range system {
		env.setDefault(v.Name, v.Value)
	}
	env.set("PATH", path)
	env.unset("TMOUT") // ends a shell that nobody sits at
	if !preserve {
		env.setUser(user)
	}
	return env, nil
}

// setUser sets the variables that name a user.
func (e *environ) setUser(user account.User) {
	e.set("HOME", user.Home)
	e.set("USER", user.Name)
	e.set("LOGNAME", user.Name)
}

// etcEnvironment reads /etc/environment as pam_env(8) does: NAME=VALUE, with
// an optional "export" and quotes, nothing expanded.
func (c *call) etcEnvironment() ([]payload.Var, error) {
	text, err := os.ReadFile(c.path("/etc/environment"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EACCES) {
		return nil, nil
	}
	var vars []payload.Var
	for line := range strings.Lines(string(text)) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "export ")
		name, value, ok := strings.Cut(line, "=")
		if !ok || name == "" || strings.ContainsAny(name, "# \t") {
			continue
		}
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		vars = append(vars, payload.Var{Name: name, Value: value})
	}
	return vars, err
}
