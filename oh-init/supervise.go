package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/internal/account"
	"github.com/docker-openhands/docker-openhands/internal/home"
	"github.com/docker-openhands/docker-openhands/internal/payload"
	"github.com/docker-openhands/docker-openhands/oh-init/setup"
)

const (
	statusCannotStart = 126
	statusNotFound    = 127
	statusSignal      = 128 // and the signal's number
)

// supervise is the command without a name: it runs CMD as its only child of
// its own and returns CMD's status.
func supervise(args []string, stdout, stderr io.Writer) (int, error) {
	// The environment holds the server's secrets, and sessions can be of the
	// same user. Execve undoes it for CMD. Root's is root's alone anyway, and su
	// writes to the log that this process has open.
	if os.Geteuid() != 0 {
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
			return 1, fmt.Errorf("keeping other processes from reading this one: %w", err)
		}
	}
	f := flags("oh-init [--user NAME] [--] [CMD...] | oh-init setup | oh-init doctor | oh-init health", stdout)
	name := f.String("user", payload.User, "`name` of the account that the image was made for: its sessions are the server's, its home is made if a volume hides it")
	if err := parse(f, args); err != nil {
		return 0, err
	}
	argv := f.Args()
	if len(argv) == 0 {
		argv = []string{payload.Bin + "/oh-action-execution-server"}
	}
	if os.Geteuid() == 0 {
		if err := setup.Restore("/", *name); err != nil {
			fmt.Fprintln(stderr, "oh-init: going on without what could not be made:", err)
		}
	}

	// From here on signals wait for the child instead of ending this process.
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	pid, status, err := start(argv, environment(*name))
	if err != nil {
		return status, err
	}
	go forward(signals, pid)
	return reap(pid)
}

// environment is that of CMD: a home that can be written to, a name for a user
// ID without an account, and the user that the image was made for.
func environment(imageUser string) []string {
	variables := map[string]string{}
	if imageUser != payload.User && os.Getenv(payload.UserVariable) == "" {
		variables[payload.UserVariable] = imageUser
	}
	id := strconv.Itoa(os.Geteuid())
	accounts, err := account.ReadUsers(account.Dir(""))
	if err != nil {
		accounts = new(account.Accounts) // without any
	}
	own, known := accounts.UserOf(os.Geteuid())
	if !known {
		for _, name := range []string{"USER", "LOGNAME"} {
			variables[name] = cmp.Or(os.Getenv(name), id)
		}
	}
	if dir, err := home.Find("", os.Getenv("HOME"), own.Home); err == nil {
		variables["HOME"] = dir
	}
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		_, ours := variables[name]
		return ours
	})
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		env = append(env, name+"="+variables[name])
	}
	return env
}

// start runs argv in a process group of its own, in the foreground if there is
// a terminal. If it fails, status is what a shell would return.
//
// It does not use os/exec: the child is waited for by reap alone.
func start(argv, env []string) (pid, status int, err error) {
	path, err := exec.LookPath(argv[0])
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return 0, statusNotFound, fmt.Errorf("starting %s: %w", argv[0], err)
	}
	if err == nil {
		pid, err = syscall.ForkExec(path, argv, &syscall.ProcAttr{
			Env:   env,
			Files: []uintptr{0, 1, 2},
			Sys:   &syscall.SysProcAttr{Setpgid: true, Foreground: ownsTerminal()},
		})
	}
	if err != nil {
		return 0, statusCannotStart, fmt.Errorf("starting %s: %w", argv[0], err)
	}
	return pid, 0, nil
}

// ownsTerminal reports whether standard input is the controlling terminal and
// this process in its foreground.
func ownsTerminal() bool {
	group, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// forward hands signals on to pid, all but those that concern this process: the
// death of a child, the Go runtime's preemption, a write into a closed pipe,
// use of the terminal from the background.
func forward(signals <-chan os.Signal, pid int) {
	for s := range signals {
		switch s {
		case syscall.SIGCHLD, syscall.SIGURG, syscall.SIGPIPE, syscall.SIGTTIN, syscall.SIGTTOU:
		default:
			// The child may be gone; then reap ends this process.
			_ = syscall.Kill(pid, s.(syscall.Signal))
		}
	}
}

// reap waits for every child, adopted ones too, until pid ends.
func reap(pid int) (status int, err error) {
	for {
		var ended syscall.WaitStatus
		child, err := syscall.Wait4(-1, &ended, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 1, fmt.Errorf("waiting for process %d: %w", pid, err)
		case child != pid:
		case ended.Signaled():
			return statusSignal + int(ended.Signal()), nil
		default:
			return ended.ExitStatus(), nil
		}
	}
}
