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

// ownedLink is a symbolic link that the user of a home has made.
func ownedLink(path, target string) Change {
	return Change{Path: path, Mode: fs.ModeSymlink | 0o777, UID: 1000, GID: 1000, Target: target}
}

// lived is a Debian in which somebody has worked as openhands, at home in the
// given folder.
func lived(home string, changes ...Change) tree {
	return with(debian(debianPasswd+"openhands:x:1000:1000::"+home+":/bin/bash\n", debianGroup+"openhands:x:1000:\n"), changes...)
}

// Set-up works as root over what an agent without any rights has left in its
// own folders. No link of it leads anywhere, and nothing in a home is a reason
// to go without an image.
func TestPlanLeavesAlone(t *testing.T) {
	const home = "/home/openhands"
	own := dir(home, 0o755, 1000, 1000)
	bashrc, profile := file(home+"/.bashrc", "", 0o644, 1000, 1000), file(home+"/.profile", bashProfile, 0o644, 1000, 1000)
	for _, test := range []struct {
		name string
		base tree
		made []string // beside the workspace
	}{
		{"a dangling .bashrc", lived(home, own, profile, ownedLink(home+"/.bashrc", "/etc/ld.so.preload")), nil},
		{"a dangling .bashrc, relative", lived(home, own, profile, ownedLink(home+"/.bashrc", "../../etc/ld.so.preload")), nil},
		{"a .bashrc that leads to a file", lived(home, own, profile, ownedLink(home+"/.bashrc", "/etc/shadow")), nil},
		{"a .bashrc in a new folder", lived(home, own, profile, ownedLink(home+"/.bashrc", "/etc/new/file")), nil},
		{"a dangling .profile", lived(home, own, bashrc, ownedLink(home+"/.profile", "/etc/cron.d/x")), nil},
		{"a .profile that leads to a file", lived(home, own, bashrc, ownedLink(home+"/.profile", "/etc/shadow")), nil},
		{"a .profile that leads to a file, relative", lived(home, own, bashrc, ownedLink(home+"/.profile", "../../etc/shadow")), nil},
		{"a .bash_profile that leads to a file", lived(home, own, bashrc, ownedLink(home+"/.bash_profile", "/etc/shadow")), nil},
		{"a dangling .bash_profile", lived(home, own, bashrc, ownedLink(home+"/.bash_profile", "/etc/profile.d/00.sh")), nil},
		{"a .bash_login that leads to a file", lived(home, own, bashrc, ownedLink(home+"/.bash_login", "/etc/shadow")), nil},
		{"a .profile that leads to another of the user's", lived(home, own, bashrc, file(home+"/dots", "", 0o644, 1000, 1000), ownedLink(home+"/.profile", "dots")), nil},
		{"links in a circle", lived(home, own, ownedLink(home+"/.bashrc", ".bashrc"), ownedLink(home+"/.profile", ".profile")), nil},
		{"a .profile that is a folder", lived(home, own, bashrc, dir(home+"/.profile", 0o755, 1000, 1000)), nil},
		{"a large .profile", lived(home, own, bashrc, file(home+"/.profile", strings.Repeat("#", MaxFile+1), 0o644, 1000, 1000)), nil},
		{"a home that is a link", lived(home, dir("/home", 0o755, 1000, 1000), ownedLink(home, "/etc")), nil},
		{"a home that is a dangling link", lived(home, dir("/home", fs.ModeSticky|0o777), ownedLink(home, "/etc/cron.d")), nil},
		{"a home that is a dangling link, relative", lived(home, dir("/home", 0o777), ownedLink(home, "../etc/cron.d")), nil},
		{"a home that is a circle", lived(home, dir("/home", 0o777), ownedLink(home, home)), nil},
		{"a home that root has made a circle", lived(home, link(home, home)), nil},
		{"a home that is a file", lived(home, file(home, "", 0o644)), nil},
		{"a home below a file", lived("/etc/passwd/x"), nil},
		{"a home behind a link of the user's", lived("/srv/own/link/new", dir("/srv/own", 0o755, 1000, 1000), ownedLink("/srv/own/link", "/etc")), nil},
		{"a home behind a link of the user's, relative", lived("/srv/own/link/new", dir("/srv/own", 0o755, 1000, 1000), ownedLink("/srv/own/link", "../../etc")), nil},
		{
			"a home behind a link of root's", lived("/srv/link/me", link("/srv/link", "/data"), dir("/data", 0o777)),
			[]string{"/data/me", "/data/me/.bashrc", "/data/me/.profile"},
		},
		{
			"a home where root's link leads", lived(home, link(home, "/data/me"), dir("/data", 0o777)),
			[]string{"/data/me", "/data/me/.bashrc", "/data/me/.profile"},
		},
		{
			"a home with a link that leads nowhere, and no other file", lived(home, own, ownedLink(home+"/.bashrc", "/etc/ld.so.preload")),
			[]string{home + "/.profile"},
		},
		{"a project that is a link", lived(home, own, bashrc, profile, dir(payload.Workspace, 0o775, 1000), ownedLink(payload.Project, "/etc")), nil},
		{"a project that is a dangling link", lived(home, own, bashrc, profile, dir(payload.Workspace, 0o775, 1000), ownedLink(payload.Project, "../etc/cron.d")), nil},
		{"a project that is a file", lived(home, own, bashrc, profile, dir(payload.Workspace, 0o775, 1000), file(payload.Project, "", 0o644, 1000, 1000)), nil},
		{"a project that is a circle", lived(home, own, bashrc, profile, dir(payload.Workspace, 0o775, 1000), ownedLink(payload.Project, "project")), nil},
		{"a home of root that is a link of the user's", lived(home, own, bashrc, profile, dir("/data", 0o755, 1000, 1000), ownedLink("/data/root", "/etc/cron.d"), link("/root2", "/data/root")).
			replaced("/etc/passwd", "root:/root:", "root:/root2:"), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			test.base.unpack(t, root)
			before := snapshot(t, root)
			check(t, Apply(root, plan(t, root, Options{Server: payload.AgentServer})))
			after := snapshot(t, root)
			for _, name := range []string{
				"/etc/group", "/etc/gshadow", "/etc/profile.d/zz-openhands.sh", "/etc/ssl", "/etc/ssl/certs", "/etc/ssl/certs/ca-certificates.crt",
				"/usr/local", "/usr/local/bin", payload.AgentServerEntrance,
				"/agent-server", "/agent-server/.venv", "/agent-server/.venv/bin", payload.PythonEntrance,
			} {
				delete(before, name)
				delete(after, name)
			}
			for _, name := range test.made {
				if c, made := after[name]; !made || c.UID != 1000 {
					t.Errorf("%s was not made, or for %d", name, c.UID)
				}
				delete(after, name)
			}
			for _, name := range []string{payload.Workspace, payload.Project} {
				if _, there := before[name]; !there {
					delete(after, name)
				}
			}
			// The shadow file may have a line more, and no other change.
			if old, now := before["/etc/shadow"], after["/etc/shadow"]; old.Mode != now.Mode || old.GID != now.GID {
				t.Errorf("shadow is %v", now)
			}
			text, err := os.ReadFile(root + "/etc/shadow")
			check(t, err)
			if strings.Contains(string(text), ".bashrc") {
				t.Errorf("shadow is\n%s", text)
			}
			delete(before, "/etc/shadow")
			delete(after, "/etc/shadow")
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("before (-) and after (+):\n%s", diff)
			}
		})
	}
}

// replaced is base with another text in the file name.
func (base tree) replaced(name, before, after string) tree {
	changed := with(base)
	for i, c := range changed {
		if c.Path == name {
			changed[i].Content = []byte(strings.ReplaceAll(string(c.Content), before, after))
		}
	}
	return changed
}

// What is the user's never becomes somebody else's way into a folder of root.
func TestPlanRefusesLinksOfUsers(t *testing.T) {
	for _, test := range []struct {
		name string
		base tree
	}{
		{"workspace", lived("/home/openhands", link(payload.Workspace, "/data/w"), dir("/data", 0o755, 1000, 1000), ownedLink("/data/w", "/etc/cron.d"))},
		{"temporary files", lived("/home/openhands", link("/var/tmp", "/data/tmp"), dir("/data", 0o755, 1000, 1000), ownedLink("/data/tmp", "/etc")).without("/var/tmp")},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			test.base.unpack(t, root)
			if changes, _, err := planned(t, root, Options{}); err == nil || !strings.Contains(err.Error(), "is no directory") {
				t.Errorf("error %v, and\n%s", err, describe(changes))
			}
		})
	}
}

// without is base without its first entry of the name.
func (base tree) without(name string) tree {
	for i, c := range base {
		if c.Path == name {
			return append(base[:i:i], base[i+1:]...)
		}
	}
	return base
}

// Whatever a step does, nothing is made for a user outside of the user's own
// folder, and nothing of root's is given away.
func TestGuard(t *testing.T) {
	const home = "/home/openhands"
	root := t.TempDir()
	lived(home, dir(home, 0o755, 1000, 1000), file("/etc/theirs", "", 0o644, 1000, 100)).unpack(t, root)
	view, err := DirView(root)
	check(t, err)
	defer view.Close()
	for _, test := range []struct {
		behalf string
		change Change
		ok     bool
	}{
		{"", file("/etc/new", "", 0o644), true},
		{"", file("/etc/new", "", 0o644, 1000, 0), false},
		{"", file("/etc/new", "", 0o644, 0, 42), false},
		{"", dir("/etc/new", 0o755, 1000, 1000), false},
		{"", file("/etc/passwd", "", 0o644, 1000, 1000), false},
		{"", file("/etc/shadow", "", 0o640, 0, 42), true},
		{"", file("/etc/theirs", "", 0o644, 1000, 100), true},
		{"", file("/etc/theirs", "", 0o644), true},
		{"", ownedLink("/etc/new", "x"), false},
		{home, file(home+"/x/y", "", 0o644, 1000, 1000), true},
		{home, file("/home/openhands2", "", 0o644, 1000, 1000), false},
		{home, file("/home/new", "", 0o644), false},
		{home, file("/etc/passwd", "", 0o644), false},
		{home, dir("/home/new", 0o755), false},
		{home, dir("/home", 0o777), false},
		{home, dir(home, 0o755, 1000, 1000), true},
		{"/srv/a/home", dir("/srv/a/home", 0o755, 1000, 1000), true},
		{"/srv/a/home", dir("/srv/a", 0o755), true},
		{"/srv/a/home", dir("/srv/a", 0o755, 1000, 1000), false},
		{"/srv/a/home", file("/srv/a", "", 0o644), false},
	} {
		if err := newStage(view).onBehalf(test.behalf).put(test.change); (err == nil) != test.ok {
			t.Errorf("on behalf of %q: %v %d:%d %s: %v", test.behalf, test.change.Mode, test.change.UID, test.change.GID, test.change.Path, err)
		}
	}
}

// A folder that leads to a change and became a link since is not gone through.
func TestApplyFollowsNoLink(t *testing.T) {
	root := t.TempDir()
	tree{dir("/etc", 0o755), link("/home", "/etc")}.unpack(t, root)
	if err := Apply(root, []Change{file("/home/x", "", 0o644, 1000, 1000)}); err == nil {
		t.Error("no error")
	}
	if _, err := os.Lstat(root + "/etc/x"); err == nil {
		t.Error("a link was followed")
	}
}

// An archive of a private folder makes a root directory that nobody but root
// can enter, with engines that obey it.
func TestRootDirectory(t *testing.T) {
	root := t.TempDir()
	check(t, os.Chmod(root, 0o700))
	check(t, Apply(root, plan(t, root, Options{})))
	if info, err := os.Stat(root); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if again := plan(t, root, Options{}); len(again) > 0 {
		t.Errorf("set-up of what is set up already:\n%s", describe(again))
	}
}
