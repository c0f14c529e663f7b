package main

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// The server of an image without sudo is not root's, however it is started,
// unless it is asked for as root.
func TestStepDown(t *testing.T) {
	own := payload.Bin + "/oh-action-execution-server"
	as := func(user, id string) string {
		return strings.Replace(serverCommand, "--username openhands --user-id 1000", "--username "+user+" --user-id "+id, 1)
	}
	for _, test := range []struct {
		command string
		env     environ
		uid     int
		gids    []int
		home    string
	}{
		{command: serverCommand, uid: 1000, gids: []int{27, 29, 1000}, home: "/home/openhands"},
		{command: own, uid: 1000, gids: []int{27, 29, 1000}, home: "/home/openhands"},
		{command: own, env: environ{"RUNTIME_USERNAME=guest"}, uid: 405, gids: []int{100}, home: "/tmp/home-405"},
		{command: own, env: environ{"SU_TO_USER=false"}, uid: 1000, gids: []int{27, 29, 1000}, home: "/home/openhands"},
		{command: as("dev", "1234"), uid: 1234, gids: []int{1234}, home: "/home/dev"},
		{command: strings.Replace(serverCommand, " --username openhands --user-id 1000", "", 1), uid: 1000, gids: []int{27, 29, 1000}, home: "/home/openhands"},
		{command: as("root", "0"), home: "/root"},
		{command: own + " --username root", home: "/root"},
		{command: own, env: environ{"RUNTIME_USERNAME=root"}, home: "/root"},
		{command: own, env: environ{"OPENHANDS_NO_SUDO="}, home: "/root"},
	} {
		t.Run(strings.Join(test.env, " ")+test.command, func(t *testing.T) {
			root := serverRoot(t)
			must(t, os.Chmod(root+"/root", 0o700))
			must(t, os.Mkdir(root+"/tmp", 0o700))
			must(t, os.Chmod(root+"/tmp", 0o777))
			must(t, os.Chown(root+"/home/openhands", 1000, 1000))
			env := environ{"PATH=/bin", "HOME=/root", "OPENHANDS_NO_SUDO=true"}
			for _, entry := range test.env {
				name, value, _ := strings.Cut(entry, "=")
				env.set(name, value)
			}
			argv := strings.Fields(test.command)
			o, err := insideAsRoot(t, root, env, argv...)
			if err != nil {
				t.Fatal(err, o.Messages)
			}
			slices.Sort(o.Groups)
			if o.UID != test.uid || o.EUID != test.uid || !slices.Equal(o.Groups, test.gids) {
				t.Errorf("the server runs as %d %v, want %d %v", o.UID, o.Groups, test.uid, test.gids)
			}
			if got := o.Env.get("HOME"); got != test.home {
				t.Errorf("HOME=%s, want %s", got, test.home)
			}
			for _, folder := range []string{payload.Workspace, downloads} {
				if owner := ownerOf(t, root+folder); test.uid != 0 && owner[0] != test.uid {
					t.Errorf("%s belongs to %v, want %d", folder, owner, test.uid)
				}
			}
			// An account that is made here cannot become root.
			group, err := os.ReadFile(root + "/etc/group")
			must(t, err)
			if strings.Contains(string(group), "sudo:x:27:openhands,dev") {
				t.Error("the account made is in the group sudo")
			}
		})
	}
}

// What lies in the workspace is given to the user of the sessions, as the
// server does it as root, and nothing outside of it.
func TestStepDownGivesWorkspace(t *testing.T) {
	root := serverRoot(t)
	for _, dir := range []string{"/srv/project/dir", "/victim", "/open"} {
		must(t, os.MkdirAll(root+dir, 0o755))
	}
	for _, file := range []string{"/srv/project/dir/file", "/victim/file"} {
		must(t, os.WriteFile(root+file, nil, 0o644))
	}
	must(t, os.Symlink("/victim", root+"/srv/project/link"))
	must(t, os.Symlink("/victim", root+"/open/link"))
	start := func(dir string) *observation {
		argv := strings.Fields(strings.Replace(serverCommand, "/workspace", dir, 1))
		o, err := insideAsRoot(t, root, environ{"OPENHANDS_NO_SUDO=1", "SANDBOX_GROUP_ID=sudo"}, argv...)
		if err != nil {
			t.Fatal(err, o.Messages)
		}
		return o
	}
	if o := start("/srv/project"); strings.Contains(o.Messages, "may lack rights") {
		t.Error(o.Messages)
	}
	for name, want := range map[string][2]int{
		"/srv": {0, 0}, "/srv/project": {1000, 27}, "/srv/project/dir/file": {1000, 27}, "/srv/project/link": {1000, 27},
		"/victim": {0, 0}, "/victim/file": {0, 0},
	} {
		if got := ownerOf(t, root+name); got != want {
			t.Errorf("%s belongs to %v, want %v", name, got, want)
		}
	}
	info, err := os.Stat(root + "/srv/project")
	must(t, err)
	if info.Mode().Perm() != 0o775 {
		t.Errorf("the working directory is %v", info.Mode())
	}
	for _, dir := range []string{"/open/link", "/open/link/new", "/"} {
		if o := start(dir); !strings.Contains(o.Messages, "openhands may lack rights in the workspace") {
			t.Errorf("%s: %q", dir, o.Messages)
		}
	}
	if got := ownerOf(t, root+"/victim/file"); got != [2]int{} {
		t.Errorf("a file outside belongs to %v", got)
	}
	if _, err := os.Lstat(root + "/victim/new"); err == nil {
		t.Error("a folder was made behind a link")
	}
}

// Without the capabilities there is no server rather than one of root's.
func TestStepDownWithoutCapabilities(t *testing.T) {
	root, argv := serverRoot(t), strings.Fields(serverCommand)
	var o *observation
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		for _, capability := range []uintptr{unix.CAP_SETUID, unix.CAP_SETGID} {
			if err = unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil {
				t.Error(err)
				return
			}
		}
		o, err = insideAsRoot(t, root, environ{"OPENHANDS_NO_SUDO=1"}, argv...)
	}()
	<-done
	if err == nil || !strings.Contains(o.Messages, "start the container with --user openhands") {
		t.Errorf("%v, %q, %+v", err, o.Messages, o)
	}
}

func TestAgentServerStepsDown(t *testing.T) {
	for _, test := range []struct {
		env  environ
		uid  int
		user string
	}{
		{environ{"OPENHANDS_NO_SUDO=true"}, 1000, "openhands"},
		{environ{"OPENHANDS_NO_SUDO=true", "RUNTIME_USERNAME=guest"}, 405, "guest"},
		{environ{"OPENHANDS_NO_SUDO=true", "RUNTIME_USERNAME=root"}, 0, "root"},
		{nil, 0, "root"},
	} {
		root := newRoot(t, map[string]string{payload.Wrappers: "wrappers", venvBin + "/python": "probe", "/tmp/": ""})
		must(t, os.Chmod(root+"/root", 0o700))
		must(t, os.Chmod(root+"/tmp", 0o777))
		must(t, os.Chown(root+"/home/openhands", 1000, 1000))
		env := append(environ{"HOME=/root", "USER=root", "LOGNAME=root"}, test.env...)
		o, err := insideAsRoot(t, root, env, payload.Wrappers, "oh-agent-server")
		if err != nil {
			t.Fatal(err, o.Messages)
		}
		if o.UID != test.uid || o.Env.get("USER") != test.user || o.Env.get("LOGNAME") != test.user {
			t.Errorf("%q: user %d, USER=%s, LOGNAME=%s", test.env, o.UID, o.Env.get("USER"), o.Env.get("LOGNAME"))
		}
		if home := o.Env.get("HOME"); (home == "/root") != (test.uid == 0) {
			t.Errorf("%q: HOME=%s", test.env, home)
		}
	}
}

// insideAsRoot runs a command in root as root.
func insideAsRoot(t *testing.T, root string, env environ, argv ...string) (*observation, error) {
	t.Helper()
	return inside(t, root, 0, env, "", argv[0], argv...)
}

func ownerOf(t *testing.T, path string) [2]int {
	t.Helper()
	info, err := os.Lstat(path)
	must(t, err)
	stat := info.Sys().(*syscall.Stat_t)
	return [2]int{int(stat.Uid), int(stat.Gid)}
}
