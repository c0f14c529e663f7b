package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/internal/home"
)

// asRoot runs a program of the built binary as root of a changed root.
func asRoot(t *testing.T, root, line string) (code int, out string) {
	t.Helper()
	const path = "/wrappers"
	if _, err := os.Stat(root + path); err != nil {
		install(t, wrappers, root+path, 0o755)
	}
	return execute(t, root, path, strings.Fields(line))
}

// added returns the lines of a file that base has not.
func added(t *testing.T, file, base string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !strings.Contains("\n"+base, "\n"+line) {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return strings.Join(lines, " ")
}

const shadow = "root:*:::::::\n"

func TestUseradd(t *testing.T) {
	for _, test := range []struct {
		line   string
		passwd string
		group  string
		code   int
		out    string
	}{
		{line: "useradd -rm -d /home/agent -s /bin/bash -g root -G sudo -u 1001 agent",
			passwd: "agent:x:1001:0::/home/agent:/bin/bash", group: "sudo:x:27:openhands,agent"},
		{line: "useradd -g root -G wheel,users agent",
			passwd: "agent:x:1001:0::/home/agent:/bin/sh", group: "users:x:100:agent wheel:x:999:agent"},
		{line: "useradd -r -c text --shell=/bin/bash agent",
			passwd: "agent:x:999:999:text:/home/agent:/bin/bash", group: "agent:x:999:"},
		{line: "useradd -u 27 agent", passwd: "agent:x:27:1001::/home/agent:/bin/sh", group: "agent:x:1001:"},
		{line: "useradd -o -u 1000 -g 0 agent", passwd: "agent:x:1000:0::/home/agent:/bin/sh"},
		{line: "useradd -N agent", passwd: "agent:x:1001:100::/home/agent:/bin/sh"},
		{line: "useradd -u 1000 agent", code: 4, out: "user ID 1000 is that of openhands"},
		{line: "useradd openhands", code: 9, out: "user openhands already exists"},
		{line: "useradd audio", code: 9, out: "group audio already exists"},
		{line: "useradd -g wheel agent", code: 6, out: "group wheel does not exist"},
		{line: "useradd -g 4242 agent", code: 6, out: "group 4242 does not exist"},
		{line: "useradd -u -1 agent", code: 3, out: `invalid user ID "-1"`},
		{line: "useradd a:b", code: 3, out: `invalid name "a:b"`},
		{line: "useradd 1234", code: 3, out: `invalid name "1234"`},
		{line: "useradd -d relative agent", code: 3, out: "invalid home"},
		{line: "useradd -s /bin/sh:x agent", code: 3, out: "invalid home, shell"},
		{line: "useradd", code: 2, out: "one name is needed"},
		{line: "groupadd wheel", group: "wheel:x:1001:"},
		{line: "groupadd -r wheel", group: "wheel:x:999:"},
		{line: "groupadd -g 2000 wheel", group: "wheel:x:2000:"},
		{line: "groupadd -g 1000 wheel", code: 4, out: "group ID 1000 is that of openhands"},
		{line: "groupadd -f -g 1000 wheel", group: "wheel:x:1001:"},
		{line: "groupadd sudo", code: 9, out: "group sudo already exists"},
		{line: "groupadd -f sudo"},
	} {
		t.Run(test.line, func(t *testing.T) {
			root := newRoot(t, map[string]string{"/etc/shadow": shadow})
			// As some editors leave it: without an end of line.
			must(t, os.WriteFile(root+"/etc/passwd", []byte(strings.TrimSuffix(passwd, "\n")), 0o644))
			code, out := asRoot(t, root, test.line)
			if code != test.code || !strings.Contains(out, test.out) {
				t.Errorf("status %d, %q; want %d, %q", code, out, test.code, test.out)
			}
			if got := added(t, root+"/etc/passwd", passwd); got != test.passwd {
				t.Errorf("passwd %q, want %q", got, test.passwd)
			}
			if got := added(t, root+"/etc/group", groups); got != test.group {
				t.Errorf("group %q, want %q", got, test.group)
			}
			want := ""
			if test.passwd != "" {
				want = "agent:*::0:99999:7:::"
			}
			if got := added(t, root+"/etc/shadow", shadow); got != want {
				t.Errorf("shadow %q, want %q", got, want)
			}
			if left, _ := filepath.Glob(root + "/etc/*+"); len(left) > 0 {
				t.Errorf("left %q", left)
			}
		})
	}
}

// Without a shadow file an "x" would point nowhere, and lines with + or - hand
// over to a directory service: as useradd(8), it puts the account before them.
func TestUseraddPlace(t *testing.T) {
	root := newRoot(t, map[string]string{"/etc/passwd": passwd + "+::::::\n", "/etc/group": "root:x:0:\nsudo:x:27\n+:::\n", "/etc/gshadow": "sudo:!::\n"})
	if code, out := asRoot(t, root, "useradd -G sudo agent"); code != 0 {
		t.Fatal(code, out)
	}
	for file, want := range map[string]string{
		"/etc/passwd": passwd + "agent:*:1001:1001::/home/agent:/bin/sh\n+::::::\n", "/etc/group": "root:x:0:\nsudo:x:27:agent\nagent:x:1001:\n+:::\n",
		"/etc/gshadow": "sudo:!::agent\nagent:!::\n",
	} {
		if text, err := os.ReadFile(root + file); err != nil || string(text) != want {
			t.Errorf("%s: %v, %q, want %q", file, err, text, want)
		}
	}
	if _, err := os.Stat(root + "/etc/shadow"); err == nil {
		t.Error("there is a shadow file")
	}
}

func TestUseraddHome(t *testing.T) {
	const line = "useradd -m -u 1001 -g root agent"
	for _, test := range []struct {
		name  string
		files map[string]string
		want  map[string]string
	}{
		{name: "with a skeleton", files: map[string]string{"/etc/skel/.bash_profile": "profile", "/etc/skel/.config/app": "settings"},
			want: map[string]string{".bash_profile": "profile\n" + home.ReadBashrc, ".bashrc": home.Bashrc, ".config/app": "settings"}},
		{name: "with one that reads .bashrc", files: map[string]string{"/etc/skel/.bash_login": ". ~/.bashrc", "/etc/skel/.bashrc": "A=1", "/etc/skel/.profile": "unread"},
			want: map[string]string{".bash_login": ". ~/.bashrc", ".bashrc": "A=1", ".profile": "unread"}},
		{name: "without", want: map[string]string{".profile": home.Profile, ".bashrc": home.Bashrc}},
		{name: "existing", files: map[string]string{"/home/agent/mine": "1", "/etc/skel/.profile": "2"}, want: map[string]string{"mine": "1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := newRoot(t, test.files)
			if code, out := asRoot(t, root, line); code != 0 {
				t.Fatal(code, out)
			}
			got := map[string]string{}
			folder := root + "/home/agent"
			must(t, filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
				if err != nil {
					return err
				}
				info, err := os.Lstat(path)
				if err != nil {
					return err
				}
				owner := info.Sys().(*syscall.Stat_t)
				if test.name != "existing" && (owner.Uid != 1001 || owner.Gid != 0) {
					t.Errorf("%s is of %d:%d", path, owner.Uid, owner.Gid)
				}
				if entry.Type().IsRegular() {
					text, err := os.ReadFile(path)
					must(t, err)
					got[strings.TrimPrefix(path, folder+"/")] = string(text)
				}
				return nil
			}))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A skeleton is copied within the limits of set-up, and nothing waits for what
// is no file.
func TestUseraddSkeletonLimits(t *testing.T) {
	root := newRoot(t, map[string]string{"/etc/skel/small": "1", "/etc/skel/huge": ""})
	must(t, os.Truncate(root+"/etc/skel/huge", 1<<40))
	must(t, syscall.Mkfifo(root+"/etc/skel/pipe", 0o644))
	if code, out := asRoot(t, root, "useradd -m agent"); code != 0 {
		t.Fatal(code, out)
	}
	var got []string
	entries, err := os.ReadDir(root + "/home/agent")
	must(t, err)
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff([]string{".bashrc", ".profile", "small"}, got); diff != "" {
		t.Error(diff)
	}
}

// A link that a user can have made leads no home elsewhere.
func TestUseraddFollowsNoLinkOfUsers(t *testing.T) {
	root := newRoot(t, map[string]string{"/srv/theirs/": ""})
	must(t, os.Lchown(root+"/srv/theirs", 1000, 1000))
	must(t, os.Symlink("/etc", root+"/srv/theirs/link"))
	must(t, os.Symlink("/srv", root+"/roots"))
	if code, out := asRoot(t, root, "useradd -m -d /srv/theirs/link/agent agent"); code == 0 || !strings.Contains(out, "making the home") {
		t.Errorf("status %d, %q", code, out)
	}
	if _, err := os.Lstat(root + "/etc/agent"); err == nil {
		t.Error("root made a folder where a user's link leads")
	}
	if code, out := asRoot(t, root, "useradd -m -d /roots/homes/other other"); code != 0 {
		t.Errorf("status %d, %q", code, out)
	}
	if _, err := os.Lstat(root + "/srv/homes/other/.bashrc"); err != nil {
		t.Error(err)
	}
}

// Docker mounts single files of /etc; such a file cannot be replaced.
func TestUseraddOnMountedGroup(t *testing.T) {
	root := newRoot(t, nil)
	file := root + "/etc/group"
	must(t, syscall.Mount(file, file, "", syscall.MS_BIND, ""))
	t.Cleanup(func() { must(t, syscall.Unmount(file, syscall.MNT_DETACH)) })
	if code, out := asRoot(t, root, "useradd -G sudo -g root agent"); code != 0 {
		t.Fatal(code, out)
	}
	if got, want := added(t, file, groups), "sudo:x:27:openhands,agent"; got != want {
		t.Errorf("group %q, want %q", got, want)
	}
}
