//go:build linux

package setup

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// prepared makes root a Debian that is set up, without what hidden names.
func prepared(t *testing.T, root, passwd string, hidden ...string) {
	t.Helper()
	debian(passwd, debianGroup).unpack(t, root)
	check(t, Apply(root, plan(t, root, Options{})))
	for _, path := range hidden {
		check(t, os.RemoveAll(root+path))
	}
}

// What a volume hides comes back, and no more than that.
func TestRestore(t *testing.T) {
	root := t.TempDir()
	prepared(t, root, debianPasswd)
	whole := snapshot(t, root)
	for _, test := range []struct {
		user   string
		hidden []string
	}{
		{payload.User, nil},
		{payload.User, []string{"/home/openhands", payload.Workspace, "/tmp", "/var/tmp"}},
		{payload.User, []string{"/home", "/var/tmp"}},
		{"nobody-here", []string{"/tmp"}},
	} {
		for _, path := range test.hidden {
			check(t, os.RemoveAll(root+path))
		}
		check(t, Restore(root, test.user))
		if diff := cmp.Diff(whole, snapshot(t, root)); diff != "" {
			t.Errorf("without %q, for %s, before (-) and after (+):\n%s", test.hidden, test.user, diff)
		}
	}
	check(t, os.RemoveAll(root+"/home/openhands"))
	check(t, Restore(root, "nobody-here"))
	if _, err := os.Lstat(root + "/home/openhands"); err == nil {
		t.Error("a home was made for somebody without an account")
	}
}

// Root works at a start where the user, or a volume, has put whatever it
// likes. Nothing of it is followed, read or changed.
func TestRestoreLeavesAlone(t *testing.T) {
	const home = "/home/openhands"
	user := func(path, target string) Change {
		return Change{Path: path, Mode: fs.ModeSymlink | 0o777, UID: 1000, GID: 1000, Target: target}
	}
	for _, test := range []struct {
		name   string
		passwd string // of the user, by default as set-up makes it
		found  tree   // in place of the home
		made   []string
		err    string
	}{
		{name: "a link to a file that root's programs read", found: tree{dir(home, 0o755, 1000, 1000), user(home+"/.bashrc", "/etc/ld.so.preload")}},
		{name: "a link to passwd", found: tree{dir(home, 0o755, 1000, 1000), user(home+"/.bash_profile", "/etc/passwd"), user(home+"/.profile", "../../etc/passwd")}},
		{name: "an empty home", found: tree{dir(home, 0o700, 1000, 1000)}, made: []string{home + "/.bashrc", home + "/.profile"}},
		{name: "an empty home that all can write to", found: tree{dir(home, fs.ModeSticky|0o777)}, made: []string{home + "/.bashrc", home + "/.profile"}},
		{name: "an empty file system as home", found: tree{dir(home, 0o700, 1000, 1000), dir(home+"/lost+found", 0o700)}, made: []string{home + "/.bashrc", home + "/.profile"}},
		{name: "a home with one thing in it", found: tree{dir(home, 0o700, 1000, 1000), file(home+"/x", "", 0o644, 1000, 1000)}},
		{name: "dot files of another kind", found: tree{dir(home, 0o755, 1000, 1000), dir(home+"/.bash_profile", 0o700, 1000, 1000)}},
		{name: "dot files with other content", found: tree{dir(home, 0o755, 5, 5), file(home+"/.bashrc", "", 0o600, 5, 5), file(home+"/.profile", "exit", 0o600, 5, 5)}},
		{name: "a home that is a link", found: tree{dir("/home", 0o777), user(home, "/etc")}},
		{name: "a home that is a dangling link", found: tree{dir("/home", 0o777), user(home, "/etc/cron.d")}},
		{name: "a home that is a file", found: tree{dir("/home", 0o777), file(home, "", 0o600, 1000, 1000)}},
		{
			name: "a home behind a link of the user's", passwd: "openhands:x:1000:1000::/srv/own/link/home:/bin/bash\n",
			found: tree{dir("/srv/own", 0o755, 1000, 1000), user("/srv/own/link", "/etc")}, err: "/srv/own/link is no directory",
		},
		{
			name: "a home behind a link of root's", passwd: "openhands:x:1000:1000::/srv/link/me:/bin/bash\n",
			found: tree{link("/srv/link", "/data"), dir("/data", 0o777)}, made: []string{"/data/me", "/data/me/.bashrc", "/data/me/.profile"},
		},
		{name: "a volume for homes that all can write to", found: tree{dir("/home", 0o777)}, made: []string{home, home + "/.bashrc", home + "/.profile"}},
		{
			name:  "temporary files in a place of the user's",
			found: tree{dir(home, 0o755, 1000, 1000), file(home+"/x", "", 0o644), dir("/data", 0o755, 1000, 1000), dir("/data/tmp", 0o700), link("/tmp", "/data/tmp")},
		},
		{
			name:  "temporary files behind a link of the user's",
			found: tree{dir(home, 0o755, 1000, 1000), file(home+"/x", "", 0o644), dir("/data", 0o755, 1000, 1000), user("/data/tmp", "/etc"), link("/tmp", "/data/tmp")}, err: "/tmp is no directory",
		},
		{
			name: "a skeleton that the user can change", passwd: "openhands:x:1000:1000::/srv/me:/bin/bash\n",
			found: tree{link("/etc/skel", "/data"), dir("/data", 0o755, 1000, 1000), file("/data/.bashrc", "", 0o644, 1000, 1000)}, err: "another user's",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			passwd := debianPasswd + test.passwd
			prepared(t, root, passwd, "/home", "/srv", payload.Workspace, "/var/tmp")
			for _, c := range test.found {
				check(t, os.RemoveAll(root+c.Path))
			}
			test.found.unpack(t, root)
			before := snapshot(t, root)

			err := Restore(root, payload.User)
			if err == nil != (test.err == "") || err != nil && (!strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "the base")) {
				t.Errorf("error %v, want one with %q", err, test.err)
			}
			// What is wrong with one of them is no reason to go without the others.
			after := snapshot(t, root)
			for _, path := range append(test.made, payload.Workspace, "/var/tmp") {
				if c, made := after[path]; !made || c.UID != 1000 && strings.HasPrefix(path, home) {
					t.Errorf("%s was not made, or for %d", path, c.UID)
				}
				delete(after, path)
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("before (-) and after (+):\n%s", diff)
			}
		})
	}
}

// Everybody can write to /tmp, and nobody take away what is another's.
func TestRestoreMendsTemporary(t *testing.T) {
	for _, mode := range []fs.FileMode{0o755, 0o777, fs.ModeSticky | 0o700, fs.ModeSetgid | 0o777} {
		root := t.TempDir()
		prepared(t, root, debianPasswd)
		check(t, os.Chown(root+"/tmp", 7, 8))
		check(t, os.Chmod(root+"/tmp", mode))
		check(t, Restore(root, payload.User))
		want := owned(Change{Path: "/tmp", Mode: fs.ModeDir | fs.ModeSticky | mode | 0o777}, []int{7, 8})
		if diff := cmp.Diff(want, snapshot(t, root)["/tmp"]); diff != "" {
			t.Errorf("%v (-want +got):\n%s", mode, diff)
		}
	}
}
