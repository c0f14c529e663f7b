package bundler

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// patch replaces bytes of a file by as many others.
type patch struct {
	off      int64
	old, new []byte
}

// check verifies that every patch fits the file, before anything is written.
func check(r io.ReaderAt, patches []patch) error {
	for _, p := range patches {
		if len(p.old) != len(p.new) {
			return fmt.Errorf("edit at %#x: %d bytes for %d", p.off, len(p.new), len(p.old))
		}
		found, err := readAt(r, uint64(p.off), len(p.old))
		if err != nil {
			return fmt.Errorf("edit at %#x: %w", p.off, err)
		}
		if !bytes.Equal(found, p.old) {
			return fmt.Errorf("edit at %#x: found %q, expected %q", p.off, found, p.old)
		}
	}
	return nil
}

// edit applies the patches to a copy of the file in the same folder and puts
// the copy in the file's place, with the same mode, owner and times. The names
// in others are hard links of the file; they become links of the new one.
func edit(host string, patches []patch, others []string) (err error) {
	if len(patches) == 0 {
		return nil
	}
	src, err := os.Open(host)
	if err != nil {
		return err
	}
	defer src.Close()
	if err := check(src, patches); err != nil {
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
	if _, err := io.Copy(tmp, src); err != nil {
		return err
	}
	for _, p := range patches {
		if _, err := tmp.WriteAt(p.new, p.off); err != nil {
			return err
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(src.Fd()), &st); err != nil {
		return err
	}
	if err := tmp.Chown(int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	// After chown, which clears the set-user-ID bit.
	if err := unix.Fchmod(int(tmp.Fd()), st.Mode&0o7777); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Chtimes(tmp.Name(), timeOf(st.Atim), timeOf(st.Mtim)); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), host); err != nil {
		return err
	}
	for _, other := range others {
		if err := relink(host, other); err != nil {
			return err
		}
	}
	return nil
}

// relink makes name a hard link of host, atomically.
func relink(host, name string) error {
	tmp := filepath.Join(filepath.Dir(name), fmt.Sprintf(".oh-bundle-link-%d", os.Getpid()))
	if err := os.Link(host, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

func timeOf(t unix.Timespec) time.Time { return time.Unix(t.Unix()) }
