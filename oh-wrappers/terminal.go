package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/docker-openhands/docker-openhands/internal/account"
)

// apart reports whether the caller stands before a terminal at which another
// user's program must not be: it could put characters into the input of the
// caller's shell (TIOCSTI). Whoever leads the session has no such shell.
func (c *call) apart(user account.User) bool {
	if user.UID == 0 || user.UID == c.ids.uid {
		return false
	}
	if session, err := unix.Getsid(0); err != nil || session == os.Getpid() {
		return false
	}
	return term.IsTerminal(0) || c.name != "su" && hasTerminal()
}

// hasTerminal reports whether the session has a terminal, of whatever
// descriptor. That of the server's own su is the one for the container's log.
func hasTerminal() bool {
	f, err := os.Open("/dev/tty")
	return err == nil && f.Close() == nil
}

// startApart runs program, which is this binary, with the same arguments in a
// session of its own, and returns its exit status. A standard input that is a
// terminal is replaced by a new one, and so is the terminal among the other
// standard descriptors; what is typed and shown is passed on, and so are the
// size of the window and signals. Without a terminal as its standard input the
// session has none.
//
// Stopping the program by a key is the one thing that does not work, but in a
// shell that it runs.
func (c *call) startApart(user account.User, program string) error {
	attributes := &syscall.ProcAttr{
		Env:   c.env,
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	}
	var relay *relay
	if term.IsTerminal(0) {
		var err error
		if relay, err = newRelay(user.UID); err != nil {
			return fmt.Errorf("making a terminal for the program: %w", err)
		}
		for i := range attributes.Files {
			if term.IsTerminal(i) {
				attributes.Files[i] = relay.slave.Fd()
			}
		}
		attributes.Sys.Setctty = true
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGALRM, unix.SIGUSR1, unix.SIGUSR2,
		unix.SIGTSTP, unix.SIGCONT, unix.SIGWINCH)
	pid, err := syscall.ForkExec(c.path(program), append([]string{c.argv0}, c.args...), attributes)
	if err != nil {
		return status(126, "starting %s: %w", program, err)
	}
	relay.start()
	defer relay.stop()
	go func() {
		for s := range signals {
			switch s {
			case unix.SIGTSTP:
				_ = unix.Kill(-pid, unix.SIGSTOP)
				relay.release()
				_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
			case unix.SIGCONT:
				_ = unix.Kill(-pid, unix.SIGCONT)
				relay.attend()
			case unix.SIGWINCH:
				relay.attend()
			default:
				_ = unix.Kill(-pid, s.(syscall.Signal)) // it may have ended
			}
		}
	}()
	for {
		var ended syscall.WaitStatus
		_, err := syscall.Wait4(pid, &ended, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return fmt.Errorf("waiting for %s: %w", program, err)
		case ended.Signaled():
			return exitStatus(128 + int(ended.Signal()))
		case ended.ExitStatus() != 0:
			return exitStatus(ended.ExitStatus())
		default:
			return nil
		}
	}
}

// exitStatus is that of a program that has told its errors itself.
type exitStatus int

func (s exitStatus) Error() string { return "exit status " + strconv.Itoa(int(s)) }
