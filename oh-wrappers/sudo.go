package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/internal/account"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// sudoKept are the variables of the caller that a command run by sudo sees.
var sudoKept = []string{
	"TERM", "COLORTERM", "LANG", "LC_*", "TZ", "DISPLAY",
	"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy",
	"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
	payload.ToolsVariable, // both of its orders are of folders that only root can write to
}

const sudoUsage = "sudo [-EHSknv] [--preserve-env=NAME,...] [-u USER] [-i|-s] [NAME=VALUE...] [COMMAND [ARG...]], or sudo -l [COMMAND]"

// sudo runs a command as another user, root unless -u names one:
//
//	sudo [-EHSknv] [--preserve-env=NAME,...] [-u USER] [-i|-s] [NAME=VALUE...] [COMMAND [ARG...]]
//	sudo -l [COMMAND [ARG...]]
//
// It never asks for a password. Root may always; others need a rule (see
// permitted) and a setuid stub that executes this program with an effective
// user ID of 0. The command is looked up on a PATH that the caller does not
// choose. Who is permitted may run anything, so -E and NAME=VALUE need no
// permission of their own. A program of another user than root gets a terminal
// of its own, see apart.
func (c *call) sudo() error {
	options, operands, err := syntax{short: "EHSknvKislu:p:", optional: "preserve-env", ordered: true, long: map[string]byte{
		"preserve-env": 'E', "list": 'l', "set-home": 'H', "stdin": 'S', "reset-timestamp": 'k', "remove-timestamp": 'K',
		"non-interactive": 'n', "validate": 'v', "login": 'i', "shell": 's', "user": 'u', "prompt": 'p',
	}}.parse(c.args)
	if err != nil {
		return usage("%w; this is the payload's small sudo: %s", err, sudoUsage)
	}
	var preserve, login, shell, nothing, list bool
	var kept []string
	target := "root"
	for _, o := range options {
		switch o.letter {
		case 'E':
			if o.value != "" {
				kept = append(kept, strings.Split(o.value, ",")...)
			} else {
				preserve = true
			}
		case 'l':
			list = true
		case 'i':
			login = true
		case 's':
			shell = true
		case 'k', 'K', 'v':
			nothing = true
		case 'u':
			target = o.value
		}
	}

	accounts, err := c.readAccounts()
	if err != nil {
		return err
	}
	caller, err := c.authorize(accounts)
	if err != nil {
		return err
	}
	user, ok := accounts.User(target)
	switch {
	case ok:
	case target == "root":
		user = account.User{Name: "root", Home: "/root"}
	default:
		return fmt.Errorf("unknown user %s", target)
	}

	var set []string
	for len(operands) > 0 && strings.Index(operands[0], "=") > 0 {
		set, operands = append(set, operands[0]), operands[1:]
	}
	if list {
		return c.sudoList(caller, operands)
	}
	if len(operands) == 0 && !login && !shell {
		if nothing {
			return nil
		}
		return usage("a command is needed")
	}

	given := c.env.unveiled()
	env := given.only(slices.Concat(sudoKept, kept)...)
	if preserve {
		env = given.forUser()
	}
	shellPath := user.Shell
	if !c.executable(shellPath) {
		shellPath = "/bin/sh"
	}
	env.set("HOME", user.Home)
	env.set("USER", user.Name)
	env.set("LOGNAME", user.Name)
	env.set("SHELL", shellPath)
	env.set("SUDO_USER", caller.Name)
	env.set("SUDO_UID", strconv.Itoa(caller.UID))
	env.set("SUDO_GID", strconv.Itoa(caller.GID))
	path := given.tools().Path("")
	env.set("PATH", path)
	for _, assignment := range set {
		name, value, _ := strings.Cut(assignment, "=")
		env.set(name, value)
	}

	if c.apart(user) {
		return c.startApart(user, payload.Sudo)
	}
	if err := c.become(accounts, user); err != nil {
		return err
	}
	// As in sudo, of what the caller's process hands on: no file that others
	// can write to by accident, no core dump in a folder of the caller's choice.
	// Other limits stay.
	syscall.Umask(syscall.Umask(0o022) | 0o022)
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbidding core dumps: %w", err)
	}
	argv, program := operands, shellPath
	if login || shell {
		argv = []string{filepath.Base(shellPath)}
		if login {
			argv[0] = "-" + argv[0]
			if err := c.chdir(user.Home); err != nil {
				return err
			}
		}
		if len(operands) > 0 {
			argv = append(argv, "-c", quote(operands))
		}
	} else if program, err = c.look(argv[0], path); err != nil {
		return err
	}
	env.set("SUDO_COMMAND", strings.Join(append([]string{program}, argv[1:]...), " "))
	return c.start(program, argv, env)
}

// unveiled returns the environment as the stub got it.
func (e environ) unveiled() environ {
	given := slices.Clone(e)
	for i, entry := range given {
		if len(entry) > 1 && entry[0] == payload.SudoVeil && entry[1] == 'O' {
			given[i] = "G" + entry[1:]
		}
	}
	return given
}

// sudoList says what the caller may run, or the path of a command of those.
func (c *call) sudoList(caller account.User, command []string) error {
	if len(command) == 0 {
		return c.print("User " + caller.Name + " may run the following commands:\n    (ALL) NOPASSWD: ALL")
	}
	path, err := c.look(command[0], c.env.tools().Path(""))
	if err != nil {
		return err
	}
	return c.print(strings.Join(append([]string{path}, command[1:]...), " "))
}

// authorize returns the account that the caller really is, or why that one may
// not use sudo.
func (c *call) authorize(accounts *account.Accounts) (account.User, error) {
	caller, ok := accounts.UserOf(c.ids.uid)
	if c.ids.uid == 0 && c.ids.euid == 0 {
		if !ok {
			caller = account.User{Name: "root"}
		}
		return caller, nil
	}
	if c.ids.euid != 0 {
		return account.User{}, errors.New("the setuid bit has no effect: " +
			"the container runs with no_new_privileges, on a file system mounted nosuid, or without a sudo for users")
	}
	if !ok {
		return account.User{}, fmt.Errorf("user ID %d has no account and may not use sudo", c.ids.uid)
	}
	allowed, err := permitted(c.root, accounts, caller)
	if err != nil {
		return account.User{}, err
	}
	if !allowed {
		return account.User{}, fmt.Errorf("%s may not use sudo: /etc/sudoers and /etc/sudoers.d have no rule \"%s ALL=(ALL) NOPASSWD: ALL\"",
			caller.Name, caller.Name)
	}
	return caller, nil
}

// quote returns the arguments as words of a POSIX shell.
func quote(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
	}
	return strings.Join(words, " ")
}
