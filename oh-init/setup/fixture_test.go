//go:build linux

package setup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// tree is a root file system written down in a test.
type tree []Change

func dir(path string, mode fs.FileMode, ids ...int) Change {
	return owned(Change{Path: path, Mode: fs.ModeDir | mode}, ids)
}

func file(path, content string, mode fs.FileMode, ids ...int) Change {
	return owned(Change{Path: path, Mode: mode, Content: []byte(content)}, ids)
}

func link(path, target string) Change {
	return Change{Path: path, Mode: fs.ModeSymlink | 0o777, Target: target}
}

func owned(c Change, ids []int) Change {
	if len(ids) == 2 {
		c.UID, c.GID = ids[0], ids[1]
	}
	return c
}

// unpack makes root what base says. Directories of base that it does not list
// are 0755.
func (base tree) unpack(t *testing.T, root string) {
	t.Helper()
	for _, c := range base {
		check(t, os.MkdirAll(filepath.Dir(root+c.Path), 0o755))
	}
	var layer bytes.Buffer
	check(t, WriteTar(&layer, base, time.Unix(0, 0)))
	untar(t, root, &layer)
}

// unpackArchive makes root the root file system in one of the archives that
// lie in bases/ of the folder OH_SHARED, by default beside the repository.
func unpackArchive(t *testing.T, root, name string) {
	t.Helper()
	shared := os.Getenv("OH_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	f, err := os.Open(filepath.Join(shared, "bases", name))
	if err != nil {
		t.Fatalf("%v (set OH_SHARED to the folder that holds bases/)", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	check(t, err)
	untar(t, root, z)
}

// untar unpacks a layer as an engine does: an entry replaces what is there,
// except that a directory stays and takes over mode and owner.
func untar(t *testing.T, root string, layer io.Reader) {
	t.Helper()
	for r := tar.NewReader(layer); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		check(t, err)
		path := filepath.Join(root, h.Name)
		old, err := os.Lstat(path)
		exists := err == nil
		if exists && !(h.Typeflag == tar.TypeDir && old.IsDir()) {
			if old.IsDir() || h.Typeflag == tar.TypeDir {
				t.Errorf("layer replaces the base's %v %s by %v", old.Mode().Type(), h.Name, h.FileInfo().Mode().Type())
			}
			check(t, os.RemoveAll(path))
			exists = false
		}
		switch h.Typeflag {
		case tar.TypeDir:
			if !exists {
				check(t, os.Mkdir(path, 0o755))
			}
		case tar.TypeSymlink:
			check(t, os.Symlink(h.Linkname, path))
			check(t, os.Lchown(path, h.Uid, h.Gid))
			continue
		case tar.TypeLink:
			check(t, os.Link(filepath.Join(root, h.Linkname), path))
			continue
		case tar.TypeReg:
			content, err := io.ReadAll(r)
			check(t, err)
			check(t, os.WriteFile(path, content, 0o600))
		default:
			continue // devices
		}
		check(t, os.Chown(path, h.Uid, h.Gid))
		check(t, os.Chmod(path, h.FileInfo().Mode()))
	}
}

// snapshot lists all of root, without times, and with hashes for contents.
func snapshot(t *testing.T, root string) map[string]Change {
	t.Helper()
	all := make(map[string]Change)
	sums := make(map[uint64][]byte) // by inode: the bases have hundreds of hard links
	check(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		c := Change{Path: path[len(root):], Mode: info.Mode(), UID: int(stat.Uid), GID: int(stat.Gid)}
		switch {
		case c.Mode.IsRegular():
			if sums[stat.Ino] == nil {
				var content []byte
				content, err = os.ReadFile(path)
				sum := sha256.Sum256(content)
				sums[stat.Ino] = sum[:]
			}
			c.Content = sums[stat.Ino]
		case c.Mode&fs.ModeSymlink != 0:
			c.Target, err = os.Readlink(path)
		}
		all[c.Path] = c
		return err
	}))
	return all
}

func plan(t *testing.T, root string, o Options) []Change {
	t.Helper()
	changes, _, err := planned(t, root, o)
	check(t, err)
	return changes
}

func planned(t *testing.T, root string, o Options) (changes []Change, notes []string, err error) {
	t.Helper()
	view, err := DirView(root)
	check(t, err)
	defer view.Close()
	return Plan(view, o)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
