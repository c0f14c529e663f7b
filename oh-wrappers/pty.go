package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudoterminal.
type terminal struct{ master, slave *os.File }

func newTerminal() (*terminal, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("making a terminal: %w", err)
	}
	t := &terminal{master: master}
	err = control(master, func(fd int) error {
		if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		// Wide enough for a line to stay in one.
		if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 500}); err != nil {
			return err
		}
		number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
		if err != nil {
			return err
		}
		t.slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
		return err
	})
	if err != nil {
		_ = master.Close()
		return nil, fmt.Errorf("making a terminal: %w", err)
	}
	return t, nil
}

func (t *terminal) close() {
	_ = t.slave.Close()
	_ = t.master.Close()
}

// start starts a command in a session of its own that the terminal controls.
func (t *terminal) start(command *exec.Cmd) error {
	command.Stdin, command.Stdout, command.Stderr = t.slave, t.slave, t.slave
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	return command.Start()
}

// read reads what is shown, or nothing where nothing is for some time.
func (t *terminal) read(buffer []byte, patience time.Duration) (int, error) {
	if err := t.master.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	n, err := t.master.Read(buffer)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return n, err
}

// unread is how many bytes of what was typed no program has read.
func (t *terminal) unread() (n int) {
	_ = control(t.slave, func(fd int) (err error) {
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
