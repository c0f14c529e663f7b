package main

import (
	"errors"
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// relay stands between the terminal at standard input and a new one. A nil
// relay does nothing.
type relay struct {
	master, slave *os.File
	out           int           // descriptor of the caller's terminal that can be written to
	attended      chan struct{} // there may be something to read
	ended         [2]*os.File   // a pipe that is closed when the program has ended
	shown         chan struct{} // closed when all output has been passed on

	mu    sync.Mutex
	saved *term.State // of the caller's terminal; nil while that is as it was
}

// newRelay makes a terminal of a user with the settings of the one at standard
// input.
func newRelay(uid int) (*relay, error) {
	r := &relay{attended: make(chan struct{}, 1), shown: make(chan struct{})}
	settings, err := unix.IoctlGetTermios(0, unix.TCGETS)
	if err != nil {
		return nil, os.NewSyscallError("TCGETS", err)
	}
	if r.master, r.slave, err = openTerminal(); err != nil {
		return nil, err
	}
	if err := unix.IoctlSetTermios(int(r.slave.Fd()), unix.TCSETS, settings); err != nil {
		return nil, os.NewSyscallError("TCSETS", err)
	}
	_ = r.slave.Chown(uid, -1) // for programs that open it by its name
	for _, out := range []int{1, 2} {
		if term.IsTerminal(out) {
			r.out = out
			break
		}
	}
	r.ended[0], r.ended[1], err = os.Pipe()
	return r, err
}

// openTerminal makes a terminal, see pty(7).
func openTerminal() (master, slave *os.File, err error) {
	const flags = unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, err := unix.Open("/dev/ptmx", flags, 0)
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: "/dev/ptmx", Err: err}
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, errors.Join(os.NewSyscallError("TIOCSPTLCK", err), master.Close())
	}
	// Its name may lead elsewhere, or nowhere, in this file system.
	peer, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, flags)
	if errno != 0 {
		return nil, nil, errors.Join(os.NewSyscallError("TIOCGPTPEER", errno), master.Close())
	}
	return master, os.NewFile(peer, "/dev/pts"), nil
}

// resize gives the new terminal the size of the caller's, where it has one.
func (r *relay) resize() {
	if size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ); err == nil {
		_ = unix.IoctlSetWinsize(int(r.master.Fd()), unix.TIOCSWINSZ, size)
	}
}

// start passes on from now on what is typed and shown.
func (r *relay) start() {
	if r == nil {
		return
	}
	// In the background reading fails then, and does not stop this process.
	signal.Ignore(unix.SIGTTIN, unix.SIGTTOU)
	go r.show()
	go r.read()
	r.attend()
}

// attend follows the caller's terminal: its size, and whether this process is
// in its foreground, where every key is the program's.
func (r *relay) attend() {
	if r == nil {
		return
	}
	r.resize()
	group, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	if err == nil && group != unix.Getpgrp() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.saved == nil {
		r.saved, _ = term.MakeRaw(0) // else the keys go through both terminals
	}
	select {
	case r.attended <- struct{}{}:
	default:
	}
}

// release gives the caller's terminal its settings back.
func (r *relay) release() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.saved != nil {
		_ = term.Restore(0, r.saved)
		r.saved = nil
	}
}

// stop passes on what the program has shown before it ended.
func (r *relay) stop() {
	if r == nil {
		return
	}
	_ = r.ended[1].Close()
	<-r.shown
	r.release()
}

// read passes on what is typed.
func (r *relay) read() {
	buffer := make([]byte, 4096)
	for range r.attended {
		for {
			n, err := unix.Read(0, buffer)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if n <= 0 {
				break
			}
			if _, err := r.master.Write(buffer[:n]); err != nil {
				break
			}
		}
	}
}

// show passes on what the program shows, once it has ended no more than the
// terminal can hold: what it has started may go on.
func (r *relay) show() {
	defer close(r.shown)
	buffer := make([]byte, 64<<10)
	left := 1 << 20
	for left > 0 {
		wait := []unix.PollFd{
			{Fd: int32(r.master.Fd()), Events: unix.POLLIN},
			{Fd: int32(r.ended[0].Fd()), Events: unix.POLLIN},
		}
		if _, err := unix.Poll(wait, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		if wait[0].Revents&unix.POLLIN != 0 {
			n, err := r.master.Read(buffer)
			if err != nil || writeAll(r.out, buffer[:n]) != nil {
				return
			}
			if wait[1].Revents != 0 {
				left -= n
			}
		} else if wait[1].Revents != 0 {
			return
		}
	}
}

func writeAll(fd int, data []byte) error {
	for len(data) > 0 {
		n, err := unix.Write(fd, data)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}
