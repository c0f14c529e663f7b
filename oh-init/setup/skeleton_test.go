//go:build linux

package setup

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// withSkeleton is a Debian with files of these sizes, by their paths in the skeleton.
func withSkeleton(sizes map[string]int) tree {
	base := debian(debianPasswd, debianGroup)
	for name, size := range sizes {
		base = append(base, Change{Path: skeleton + "/" + name, Mode: 0o644, Content: bytes.Repeat([]byte("x"), size)})
	}
	return base
}

// Files of a skeleton are copied whatever their size. Of more than fits the
// largest are left out, which is told.
func TestSkeletonSizes(t *testing.T) {
	for _, test := range []struct {
		name  string
		sizes map[string]int
		left  []string
	}{
		{"large", map[string]int{".oh-my-zsh/.git/objects/pack/pack-1.pack": 5 * MaxFile, ".zshrc": 10}, nil},
		{"as large as can be", map[string]int{"a": maxSkeleton / 2, "b": maxSkeleton/2 - 1000}, nil},
		{"too large", map[string]int{"a": maxSkeleton/2 - 1, "b": maxSkeleton / 2, "c/d": 1}, []string{"b"}},
		{"one too large", map[string]int{"a": maxSkeleton + 1, "c/d": 1}, []string{"a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			withSkeleton(test.sizes).unpack(t, root)
			changes, notes, err := planned(t, root, Options{})
			check(t, err)
			if (len(notes) > 0) != (len(test.left) > 0) || len(notes) > 1 {
				t.Errorf("said %q", notes)
			}
			found := map[string]int{}
			for _, c := range changes {
				found[strings.TrimPrefix(c.Path, "/home/openhands/")] = len(c.Content)
			}
			for _, name := range test.left {
				if _, there := found[name]; there {
					t.Errorf("%s is copied", name)
				}
				delete(test.sizes, name)
			}
			for name, size := range test.sizes {
				if found[name] != size {
					t.Errorf("%s has %d bytes, want %d", name, found[name], size)
				}
			}
			if _, there := found[".bashrc"]; !there {
				t.Error("no .bashrc")
			}
		})
	}
}

// Restore copies the same skeleton.
func TestRestoreOfLargeSkeleton(t *testing.T) {
	root := t.TempDir()
	withSkeleton(map[string]int{"pack": 2 * MaxFile}).unpack(t, root)
	check(t, Apply(root, plan(t, root, Options{})))
	whole := snapshot(t, root)
	check(t, os.RemoveAll(root+"/home/openhands"))
	check(t, Restore(root, "openhands"))
	if got, want := snapshot(t, root)["/home/openhands/pack"], whole["/home/openhands/pack"]; !bytes.Equal(got.Content, want.Content) || got.UID != 1000 {
		t.Errorf("got %v, want %v", got, want)
	}
}

// endless is a root file system whose skeleton holds so many folders, each of
// which is the skeleton: what a layer with a hard link to a folder says.
type endless struct {
	View
	folders int
}

func (e endless) Lstat(name string) (Entry, error) {
	if !strings.HasPrefix(name, skeleton+"/") {
		return e.View.Lstat(name)
	}
	return Entry{Mode: fs.ModeDir | 0o755}, nil
}

func (e endless) ReadDir(name string) ([]string, error) {
	if !strings.HasPrefix(name, skeleton) {
		return e.View.ReadDir(name)
	}
	names := make([]string, e.folders)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	return names, nil
}

func TestSkeletonWithoutEnd(t *testing.T) {
	for _, folders := range []int{1, 2, 1000, 20_000} {
		root := t.TempDir()
		debian(debianPasswd, debianGroup).unpack(t, root)
		view, err := DirView(root)
		check(t, err)
		start := time.Now()
		changes, notes, err := Plan(endless{view, folders}, Options{})
		check(t, err)
		check(t, view.Close())
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%d folders: %v", folders, took)
		}
		if len(notes) != 1 || !strings.Contains(notes[0], skeleton) {
			t.Errorf("%d folders: said %q", folders, notes)
		}
		var inHome []string
		for _, c := range changes {
			if path.Dir(c.Path) == "/home/openhands" {
				inHome = append(inHome, path.Base(c.Path))
			}
		}
		if got := strings.Join(inHome, " "); got != ".bashrc .profile" {
			t.Errorf("%d folders: in the home are %s", folders, got)
		}
	}
}

// Reads names what Plan asks for, and little else: all of it is kept in memory.
func TestReads(t *testing.T) {
	for name, want := range map[string]bool{
		"/etc/passwd": true, "/etc/group": true, "/etc/shadow": true, "/etc/gshadow": true, "/etc/profile": true, "/etc/sudoers": true,
		"/etc/profile.d/zz-openhands.sh": true, "/etc/sudoers.d/wheel": true, "/etc/skel/.bashrc": true, "/etc/skel/a/b/c": true,
		"/root/.profile": true, "/home/me/.bash_profile": true, "/home/me/.bash_login": true, "/usr/bin/sudo": true, "/usr/local/bin/sudo": true,
		"/etc/hosts": false, "/etc/ssl/certs/ca-certificates.crt": false, "/home/me/.bashrc": false, "/home/me/.cache/x": false,
		"/home/me/src/project/.profile": false, "/etc/skeleton": false, "/usr/bin/sudoedit": false,
	} {
		if got := Reads(name, 200); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, arch := range []string{"amd64", "arm64"} {
		stub, err := Stub(arch, payload.Sudo)
		check(t, err)
		if !Reads(payload.SudoStub, int64(len(stub))) {
			t.Errorf("the stub of %s is not read", arch)
		}
	}
	if Reads("/etc/passwd", MaxFile+1) || Reads("/usr/bin/sudo", 200_000) || Reads("/etc/skel/pack", maxDotFile+1) {
		t.Error("large files are read")
	}
}
