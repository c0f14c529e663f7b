package account

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockName is the file that programs lock while they edit account files, see
// lckpwdf(3).
const lockName = "/etc/.pwd.lock"

// As in lckpwdf(3), that is how long another program is waited for.
const (
	lockLimit    = 15 * time.Second
	lockInterval = 20 * time.Millisecond
)

// Lock keeps other programs that edit account files out, from before Edit until
// after Save. Where there can be no lock, because the folder cannot be written
// to, nobody is kept out.
func (d Dir) Lock() (unlock func(), err error) {
	file, err := os.OpenFile(string(d)+lockName, os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if errors.Is(err, unix.EROFS) || errors.Is(err, os.ErrPermission) {
		return func() {}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("locking the account files: %w", err)
	}
	whole := unix.Flock_t{Type: unix.F_WRLCK}
	for end := time.Now().Add(lockLimit); ; time.Sleep(lockInterval) {
		err := unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &whole)
		if err == nil {
			return func() { _ = file.Close() }, nil // the lock goes with it
		}
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) || time.Now().After(end) {
			_ = file.Close()
			return nil, fmt.Errorf("locking the account files, which another program may be editing: %w", err)
		}
	}
}
