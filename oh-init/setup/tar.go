package setup

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// WriteTar writes changes, as Plan returned them, as an uncompressed layer. The
// bytes depend on nothing but the arguments; mtime is that of every entry, cut
// to seconds.
func WriteTar(w io.Writer, changes []Change, mtime time.Time) error {
	t := tar.NewWriter(w)
	for _, c := range changes {
		h := &tar.Header{
			Typeflag: tar.TypeReg,
			Name:     local(c.Path),
			Mode:     tarMode(c.Mode),
			Uid:      c.UID,
			Gid:      c.GID,
			Size:     int64(len(c.Content)),
			Linkname: c.Target,
			ModTime:  mtime.Truncate(time.Second),
		}
		switch c.Mode.Type() {
		case fs.ModeDir:
			h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
		case fs.ModeSymlink:
			h.Typeflag = tar.TypeSymlink
		}
		if err := t.WriteHeader(h); err != nil {
			return fmt.Errorf("writing %s to the set-up layer: %w", c.Path, err)
		}
		if _, err := t.Write(c.Content); err != nil {
			return fmt.Errorf("writing %s to the set-up layer: %w", c.Path, err)
		}
	}
	if err := t.Close(); err != nil {
		return fmt.Errorf("writing the set-up layer: %w", err)
	}
	return nil
}

// tarMode returns the mode bits of ustar, which are those of stat(2).
func tarMode(m fs.FileMode) int64 {
	bits := int64(m.Perm())
	for _, special := range []struct {
		mode fs.FileMode
		bit  int64
	}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}} {
		if m&special.mode != 0 {
			bits |= special.bit
		}
	}
	return bits
}
