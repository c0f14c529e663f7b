package bundler

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// Patch replaces bytes of a file by as many others.
type Patch struct {
	Path   string `json:"file"` // inside the tree; empty where the file is known otherwise
	Offset int64  `json:"offset"`
	Old    Bytes  `json:"old"`
	New    Bytes  `json:"new"`
	Reason string `json:"reason"`
}

// Bytes is written as a quoted string where it is text, NULs included, and
// otherwise in hexadecimal; in JSON always in hexadecimal.
type Bytes []byte

func (b Bytes) String() string {
	if bytes.ContainsFunc(b, func(r rune) bool { return r != 0 && (r < ' ' || r > '~') }) || len(bytes.Trim(b, "\x00")) < 2 {
		return hex.EncodeToString(b)
	}
	return strconv.Quote(string(b))
}

// MarshalText implements encoding.TextMarshaler.
func (b Bytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, b), nil }

// errChanged is the error for a file that was written to in the meantime.
var errChanged = errors.New("the file changed while it was being edited")

// checkPatches verifies that every patch fits the file and that no two overlap. They
// are sorted by offset.
func checkPatches(r io.ReaderAt, patches []Patch) error {
	for i, p := range patches {
		if len(p.Old) != len(p.New) {
			return fmt.Errorf("edit at %#x: %d bytes for %d", p.Offset, len(p.New), len(p.Old))
		}
		if i > 0 && patches[i-1].Offset+int64(len(patches[i-1].Old)) > p.Offset {
			return fmt.Errorf("edit at %#x: overlaps the one at %#x", p.Offset, patches[i-1].Offset)
		}
		found, err := readAt(r, uint64(p.Offset), len(p.Old))
		if err != nil {
			return fmt.Errorf("edit at %#x: %w", p.Offset, err)
		}
		if !bytes.Equal(found, p.Old) {
			return fmt.Errorf("edit at %#x: found %q, expected %q", p.Offset, found, p.Old)
		}
	}
	return nil
}

// patched reads a file as it is with the patches made.
type patched struct {
	file    io.ReaderAt
	patches []Patch
}

func (p patched) ReadAt(b []byte, off int64) (int, error) {
	n, err := p.file.ReadAt(b, off)
	for _, q := range p.patches {
		if start := max(q.Offset, off); start < min(q.Offset+int64(len(q.New)), off+int64(n)) {
			copy(b[start-off:n], q.New[start-q.Offset:])
		}
	}
	return n, err
}

// version identifies the content of a file as far as the kernel notices writes.
type version struct {
	dev, ino     uint64
	size         int64
	mtime, ctime unix.Timespec
}

func versionOf(st *unix.Stat_t) version {
	return version{uint64(st.Dev), st.Ino, st.Size, st.Mtim, st.Ctim}
}

// replace applies the patches to a copy of the file in the same folder and puts
// the copy in the file's place, with the same mode, owner, extended attributes
// and times. It fails with errChanged where the file is not the one that was
// meant, or is written to meanwhile. Others are hard links of the file; they
// become links of the new one.
func replace(host string, meant version, patches []Patch, others []location) (err error) {
	src, err := tree.Open(host)
	if err != nil {
		return err
	}
	defer src.Close()
	var st, after unix.Stat_t
	if err := unix.Fstat(int(src.Fd()), &st); err != nil {
		return err
	}
	if versionOf(&st) != meant {
		return errChanged
	}
	if err := checkPatches(src, patches); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(host), ".oh-bundle-*")
	if err != nil {
		return err
	}
	defer func() {
		tmp.Close()
		if err != nil {
			os.Remove(tmp.Name())
		}
	}()
	if _, err := io.Copy(tmp, src); err != nil { // shares the blocks where the file system can
		return err
	}
	if err := checkPatches(tmp, patches); err != nil {
		return errors.Join(errChanged, err)
	}
	for _, p := range patches {
		if _, err := tmp.WriteAt(p.New, p.Offset); err != nil {
			return err
		}
	}
	if err := tmp.Chown(int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	if err := copyAttributes(src, tmp); err != nil {
		return err
	}
	// After chown, which clears the set-user-ID bit.
	if err := unix.Fchmod(int(tmp.Fd()), uint32(st.Mode&0o7777)); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Chtimes(tmp.Name(), timeOf(st.Atim), timeOf(st.Mtim)); err != nil {
		return err
	}
	if err := unix.Lstat(host, &after); err != nil {
		return err
	}
	if versionOf(&after) != meant {
		return errChanged
	}
	if err := os.Rename(tmp.Name(), host); err != nil {
		return err
	}
	for _, other := range others {
		if err := tree.Relink(host, other.host); err != nil {
			return err
		}
	}
	return nil
}

// errShared is the error for a file with hard links that are not known.
var errShared = errors.New("the file has hard links elsewhere")

// patchInPlace writes the patches into the file; where that fails it writes the
// old bytes back. Mode, attributes and times stay. Others are the other hard
// links of the file.
func patchInPlace(host string, meant version, patches []Patch, others []location) error {
	f, err := os.OpenFile(host, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	switch {
	case versionOf(&st) != meant:
		return errChanged
	case uint64(st.Nlink) != uint64(1+len(others)):
		return errShared
	}
	if err := checkPatches(f, patches); err != nil {
		return err
	}
	// The kernel takes capabilities, and from others than root the set-user-ID
	// bit, from a file that is written to.
	const capability = "security.capability"
	capabilities, err := attribute(func(b []byte) (int, error) { return unix.Fgetxattr(int(f.Fd()), capability, b) })
	if err != nil && !errors.Is(err, unix.ENODATA) {
		return fmt.Errorf("extended attribute %s: %w", capability, err)
	}
	for i, p := range patches {
		if _, err := f.WriteAt(p.New, p.Offset); err != nil {
			for _, q := range patches[:i+1] {
				_, back := f.WriteAt(q.Old, q.Offset)
				err = errors.Join(err, back)
			}
			return err
		}
	}
	if len(capabilities) > 0 {
		if err := unix.Fsetxattr(int(f.Fd()), capability, capabilities, 0); err != nil {
			return fmt.Errorf("extended attribute %s: %w", capability, err)
		}
	}
	if err := unix.Fchmod(int(f.Fd()), uint32(st.Mode&0o7777)); err != nil {
		return err
	}
	return os.Chtimes(host, timeOf(st.Atim), timeOf(st.Mtim))
}

// copyAttributes gives a file the extended attributes of another, access
// control lists and capabilities included. One that cannot be set is an error
// unless the file has it already: a security module's label may come with the
// folder.
func copyAttributes(from, to *os.File) error {
	names, err := attribute(func(b []byte) (int, error) { return unix.Flistxattr(int(from.Fd()), b) })
	if err != nil || len(names) == 0 {
		return err
	}
	for name := range bytes.SplitSeq(bytes.TrimSuffix(names, []byte{0}), []byte{0}) {
		get := func(f *os.File) ([]byte, error) {
			return attribute(func(b []byte) (int, error) { return unix.Fgetxattr(int(f.Fd()), string(name), b) })
		}
		value, err := get(from)
		if err == nil {
			err = unix.Fsetxattr(int(to.Fd()), string(name), value, 0)
		}
		if err == nil {
			continue
		}
		if have, readErr := get(to); readErr != nil || value == nil || !bytes.Equal(have, value) {
			return fmt.Errorf("extended attribute %s: %w", name, err)
		}
	}
	return nil
}

// attribute calls a reading function of xattr(7) with a buffer that suffices.
// Where a file system has no attributes the result is empty.
func attribute(read func([]byte) (int, error)) ([]byte, error) {
	const largest = 1 << 16 // XATTR_SIZE_MAX, XATTR_LIST_MAX
	b := make([]byte, 256)
	n, err := read(b)
	if errors.Is(err, unix.ERANGE) {
		b = make([]byte, largest)
		n, err = read(b)
	}
	if errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return b[:n], nil
}

func timeOf(t unix.Timespec) time.Time { return time.Unix(t.Unix()) }
