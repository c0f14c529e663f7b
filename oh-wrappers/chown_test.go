package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestChown(t *testing.T) {
	for _, test := range []struct {
		line string
		want string // owners of work, work/file, work/link, target
		code int
		out  string
	}{
		{line: "chown -R openhands:root /srv", want: "1000:0 1000:0 1000:0 0:0"},
		{line: "chown -R openhands: /srv", want: "1000:1000 1000:1000 1000:1000 0:0"},
		{line: "chown openhands /srv", want: "1000:0 0:0 0:0 0:0"},
		{line: "chown :sudo /srv/file", want: "0:0 0:27 0:0 0:0"},
		{line: "chown 4242:4343 /srv/file", want: "0:0 4242:4343 0:0 0:0"},
		{line: "chown openhands /srv/link", want: "0:0 0:0 0:0 1000:0"},
		{line: "chown -h openhands /srv/link", want: "0:0 0:0 1000:0 0:0"},
		{line: "chown -R openhands /srv/link", want: "0:0 0:0 1000:0 0:0"},
		{line: "chown ghost /srv", want: "0:0 0:0 0:0 0:0", code: 1, out: `invalid user "ghost"`},
		{line: "chown openhands:ghost /srv", want: "0:0 0:0 0:0 0:0", code: 1, out: `invalid group "openhands:ghost"`},
		{line: "chown 4242: /srv", want: "0:0 0:0 0:0 0:0", code: 1, out: "4242 has no account"},
		{line: "chown openhands /gone /srv", want: "1000:0 0:0 0:0 0:0", code: 1, out: "/gone: no such file"},
		{line: "chown -f openhands /gone", want: "0:0 0:0 0:0 0:0", code: 1},
		{line: "chown openhands", want: "0:0 0:0 0:0 0:0", code: 2, out: "are needed"},
	} {
		t.Run(test.line, func(t *testing.T) {
			root := newRoot(t, map[string]string{"/srv/file": "", "/target": ""})
			must(t, os.Symlink("/target", root+"/srv/link"))
			code, out := asRoot(t, root, test.line)
			if code != test.code || !strings.Contains(out, test.out) {
				t.Errorf("status %d, %q; want %d, %q", code, out, test.code, test.out)
			}
			var owners []string
			for _, name := range []string{"/srv", "/srv/file", "/srv/link", "/target"} {
				var s syscall.Stat_t
				must(t, syscall.Lstat(root+name, &s))
				owners = append(owners, join([]int{int(s.Uid), int(s.Gid)}, ":", func(id int) string { return numberOrName(id, "", false) }))
			}
			if got := strings.Join(owners, " "); got != test.want {
				t.Errorf("owners %s, want %s", got, test.want)
			}
		})
	}
}

// The new owner may have given a file of root's a name in the tree, as far as the
// kernel lets users make such links.
func TestChownLeavesOtherNames(t *testing.T) {
	root := newRoot(t, map[string]string{"/srv/file": "", "/srv/theirs": "", "/etc/secret": ""})
	must(t, os.Link(root+"/etc/secret", root+"/srv/secret"))
	must(t, os.Chown(root+"/srv/theirs", 405, 405))
	must(t, os.Link(root+"/srv/theirs", root+"/srv/same"))
	code, out := asRoot(t, root, "chown -R openhands:root /srv")
	if code != 1 || !strings.Contains(out, "/srv/secret: is root's and has other names") {
		t.Errorf("status %d, %q", code, out)
	}
	for name, want := range map[string]int{"/etc/secret": 0, "/srv/file": 1000, "/srv/theirs": 1000} {
		if got := ownerOf(t, root+name)[0]; got != want {
			t.Errorf("%s belongs to %d, want %d", name, got, want)
		}
	}
}

// A file that has its owner already must not be touched: change time and
// setuid bit would be lost, and an overlay would copy it.
func TestChownLeavesAlone(t *testing.T) {
	root := newRoot(t, map[string]string{"/srv/file": ""})
	file := root + "/srv/file"
	must(t, os.Chown(file, 1000, 0))
	must(t, os.Chmod(file, 0o755|os.ModeSetuid))
	if code, out := asRoot(t, root, "chown -R openhands:root /srv"); code != 0 {
		t.Fatal(out)
	}
	info, err := os.Stat(file)
	must(t, err)
	if info.Mode()&os.ModeSetuid == 0 {
		t.Error("the setuid bit is gone")
	}
}

// Whoever gets the files of a tree can be at work there while it changes hands:
// here a folder and a link to root's files take turns.
func TestChownStaysInTree(t *testing.T) {
	root := newRoot(t, map[string]string{"/srv/dir/file": "", "/root/file": ""})
	must(t, os.Symlink("../root", root+"/srv/link"))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, root+"/srv/dir", unix.AT_FDCWD, root+"/srv/link", unix.RENAME_EXCHANGE)
			}
		}
	}()
	for i := range 2000 {
		c, _, _ := newCall(root, nil, "chown", "-Rf", strconv.Itoa(2000+i), "/srv")
		_ = c.dispatch() // what is replaced meanwhile is an error
	}
	close(stop)
	<-stopped
	info, err := os.Stat(root + "/root/file")
	must(t, err)
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 0 {
		t.Errorf("a file outside of the tree belongs to %d", uid)
	}
}
