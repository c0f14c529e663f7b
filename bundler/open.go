package bundler

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// source is an open regular file. Its beginning, with the ELF header and the
// program headers of most, is read at once.
type source struct {
	host string
	fd   int
	st   unix.Stat_t
	n    int // bytes of head
	head [ehdrSize + 16*phdrSize]byte

	used  int // bytes of arena
	arena [32 << 10]byte

	window []byte // of arena, read ahead
	at     uint64 // its offset

	parts layout // memory for that of the file's object
}

var sources = sync.Pool{New: func() any { return new(source) }}

// openSource opens a file for reading; it neither follows a link nor waits for
// the writer of a FIFO. The source must be closed and not be used after that.
func openSource(host string) (*source, error) {
	s := sources.Get().(*source)
	fd, err := tree.Descriptor(host, &s.st)
	if err != nil {
		sources.Put(s)
		return nil, err
	}
	return s.begin(host, fd)
}

// begin takes an open file over.
func (s *source) begin(host string, fd int) (*source, error) {
	s.host, s.fd, s.n, s.used, s.window = host, fd, 0, 0, nil
	var err error
	if s.n, err = s.pread(s.head[:], 0); err != nil {
		s.Close()
		return nil, &fs.PathError{Op: "open", Path: host, Err: err}
	}
	return s, nil
}

func (s *source) Close() error {
	err := unix.Close(s.fd)
	s.fd = -1
	sources.Put(s)
	return err
}

// ReadAt implements io.ReaderAt.
func (s *source) ReadAt(b []byte, off int64) (int, error) {
	if off >= 0 && off+int64(len(b)) <= int64(s.n) {
		return copy(b, s.head[off:]), nil
	}
	for n := 0; ; {
		got, err := s.pread(b[n:], off+int64(n))
		n += got
		switch {
		case err != nil:
			return n, &fs.PathError{Op: "read", Path: s.host, Err: err}
		case n == len(b):
			return n, nil
		case got == 0:
			return n, io.EOF
		}
	}
}

// bytes is readAt without garbage: what it returns is of the source's own memory
// as long as there is some, and good until the source is closed.
func (s *source) bytes(off uint64, n int) ([]byte, error) {
	if b := s.cached(off); len(b) >= n {
		return b[:n:n], nil
	}
	if n > len(s.arena)-s.used {
		return readAt(struct{ io.ReaderAt }{s}, off, n)
	}
	b := s.arena[s.used:][:n:n]
	if err := readFull(s, off, b); err != nil {
		return nil, err
	}
	s.used += n
	return b, nil
}

// cached returns what has been read of the file from an offset on.
func (s *source) cached(off uint64) []byte {
	if off >= s.at && off-s.at < uint64(len(s.window)) {
		return s.window[off-s.at:]
	}
	return s.head[min(off, uint64(s.n)):s.n]
}

// ahead reads a part of the file that is about to be asked for in pieces.
func (s *source) ahead(off uint64, n int) {
	if b, err := s.bytes(off, n); err == nil {
		s.window, s.at = b, off
	}
}

// layout returns an empty one whose memory is the source's, like that of bytes.
func (s *source) layout() *layout {
	s.parts = layout{progs: s.parts.progs[:0], dyn: s.parts.dyn[:0]}
	return &s.parts
}

func (s *source) pread(b []byte, off int64) (int, error) {
	for {
		n, err := unix.Pread(s.fd, b, off)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// unchanged returns an error if the file is no longer what it was when it was
// opened.
func (s *source) unchanged() error {
	var now unix.Stat_t
	if err := unix.Fstat(s.fd, &now); err != nil {
		return err
	}
	if versionOf(&now) != versionOf(&s.st) {
		return fmt.Errorf("%s: %w", s.host, errChanged)
	}
	return nil
}

// maxText bounds the size of a configuration file or of a loader.
const maxText = 64 << 20

// all reads the whole file.
func (s *source) all() ([]byte, error) {
	if s.st.Size > maxText {
		return nil, fmt.Errorf("%s: %d bytes are too many", s.host, s.st.Size)
	}
	data := make([]byte, s.st.Size)
	if err := readFull(s, 0, data); err != nil {
		return nil, errors.Join(err, s.unchanged())
	}
	return data, nil
}

// readText reads a whole file of the View.
func readText(v *View, name string) (string, error) {
	e, err := v.Lookup(name)
	if err != nil {
		return "", err
	}
	data, err := readHost(e.Host)
	return string(data), err
}

func readHost(host string) ([]byte, error) {
	s, err := openSource(host)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.all()
}
