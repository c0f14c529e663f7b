package tree

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Open opens a regular file for reading. It neither follows a link nor waits
// for the writer of a FIFO.
func Open(host string) (*os.File, error) {
	var st unix.Stat_t
	fd, err := Descriptor(host, &st)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), host), nil
}

// Descriptor is Open for who reads without an os.File. It fills in what the
// kernel says of the file.
func Descriptor(host string, st *unix.Stat_t) (int, error) {
	for {
		fd, err := unix.Open(host, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil {
			if err = regular(fd, st); err == nil {
				return fd, nil
			}
			unix.Close(fd)
		}
		return -1, &fs.PathError{Op: "open", Path: host, Err: err}
	}
}

func regular(fd int, st *unix.Stat_t) error {
	err := unix.Fstat(fd, st)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = errors.New("not a regular file")
	}
	return err
}
