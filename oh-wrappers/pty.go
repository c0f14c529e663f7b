package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pty is a terminal that this process types into.
type pty struct{ master, slave *os.File }

// newPty makes a terminal that is wide enough for a line to stay in one.
func newPty() (*pty, error) {
	blocking, slave, err := openTerminal()
	if err != nil {
		return nil, fmt.Errorf("making a terminal: %w", err)
	}
	p := &pty{slave: slave}
	err = control(blocking, func(fd int) error {
		if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 500}); err != nil {
			return err
		}
		// Only a descriptor that does not block can be read for a limited time.
		own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if err := unix.SetNonblock(own, true); err != nil {
			return errors.Join(err, unix.Close(own))
		}
		p.master = os.NewFile(uintptr(own), blocking.Name())
		return nil
	})
	if err = errors.Join(err, blocking.Close()); err != nil {
		return nil, fmt.Errorf("making a terminal: %w", errors.Join(err, slave.Close()))
	}
	return p, nil
}

func (p *pty) close() {
	_ = p.slave.Close()
	_ = p.master.Close()
}

// start starts a command in a session of its own that the terminal controls.
func (p *pty) start(command *exec.Cmd) error {
	command.Stdin, command.Stdout, command.Stderr = p.slave, p.slave, p.slave
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	return command.Start()
}

// read reads what is shown, or nothing where nothing is for some time.
func (p *pty) read(buffer []byte, patience time.Duration) (int, error) {
	if err := p.master.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	n, err := p.master.Read(buffer)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return n, err
}

// unread is how many bytes of what was typed no program has read.
func (p *pty) unread() (n int) {
	_ = control(p.slave, func(fd int) (err error) {
		n, err = unix.IoctlGetInt(fd, unix.TIOCINQ)
		return err
	})
	return n
}

// control calls f with the descriptor of a file, which stays the runtime's.
func control(file *os.File, f func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}
