package main

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/account"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

const sudoPath = "/usr/bin/sudo"

// sudoRoot has a setuid copy of the binary in the place of the stub.
func sudoRoot(t *testing.T, files map[string]string) string {
	t.Helper()
	all := map[string]string{"/usr/bin/tool": "probe", "/bin/bash": "probe", "/tmp/tool": "probe"}
	for name, text := range files {
		all[name] = text
	}
	root := newRoot(t, all)
	install(t, wrappers, root+sudoPath, 0o755|os.ModeSetuid)
	return root
}

const grant = "openhands ALL=(ALL) NOPASSWD: ALL\n"

func TestSudo(t *testing.T) {
	root := sudoRoot(t, map[string]string{"/etc/sudoers.d/openhands": grant})
	caller := environ{"PATH=/tmp:/usr/bin", "TERM=xterm", "LC_TIME=C", "https_proxy=p", "LD_PRELOAD=/tmp/x.so", "BASH_ENV=/tmp/x", "HOME=/home/openhands", "USER=root", "\x01OFLAGS=-v"}
	for _, test := range []struct {
		name  string
		uid   int
		args  []string
		given environ
		argv  []string
		user  int
		gids  []int
		env   map[string]string
		fails string
	}{
		{name: "root", uid: 1000, args: []string{"-n", "tool", "-u", "x"}, argv: []string{"tool", "-u", "x"}, gids: []int{0},
			env: map[string]string{"PATH": payload.BaseFirst.Path(""), "TERM": "xterm", "LC_TIME": "C", "https_proxy": "p", "LD_PRELOAD": "", "BASH_ENV": "",
				"HOME": "/root", "USER": "root", "SUDO_USER": "openhands", "SUDO_UID": "1000", "SUDO_GID": "1000", "SUDO_COMMAND": "/usr/bin/tool -u x"}},
		{name: "the payload's tools", uid: 1000, args: []string{"tool"}, argv: []string{"tool"}, gids: []int{0}, given: environ{payload.ToolsVariable + "=payload-first"},
			env: map[string]string{"PATH": payload.PayloadFirst.Path(""), payload.ToolsVariable: "payload-first"}},
		{name: "another user", uid: 1000, args: []string{"-u", "guest", "tool"}, argv: []string{"tool"}, user: 405, gids: []int{100},
			env: map[string]string{"HOME": "/dev/null", "USER": "guest"}},
		{name: "variables", uid: 1000, args: []string{"A=1", "B=", "tool"}, argv: []string{"tool"}, gids: []int{0}, env: map[string]string{"A": "1"}},
		{name: "kept environment", uid: 1000, args: []string{"-E", "--", "tool"}, argv: []string{"tool"}, gids: []int{0},
			env: map[string]string{"BASH_ENV": "/tmp/x", "PATH": payload.BaseFirst.Path("")}},
		{name: "kept variables", uid: 1000, args: []string{"--preserve-env=BASH_ENV,PATH,NONE", "tool"}, argv: []string{"tool"}, gids: []int{0},
			env: map[string]string{"BASH_ENV": "/tmp/x", "PATH": payload.BaseFirst.Path(""), "LD_PRELOAD": "", "NONE": "", "USER": "root"}},
		{name: "variables of the Go runtime", uid: 1000, args: []string{"-E", "tool"}, argv: []string{"tool"}, gids: []int{0},
			env: map[string]string{"GOFLAGS": "-v", "\x01OFLAGS": ""}},
		{name: "shell", uid: 1000, args: []string{"-s", "echo", "it's"}, argv: []string{"bash", "-c", `'echo' 'it'\''s'`}, gids: []int{0}},
		{name: "login", uid: 1000, args: []string{"-i"}, argv: []string{"-bash"}, gids: []int{0}},
		{name: "path", uid: 1000, args: []string{"/tmp/tool"}, argv: []string{"/tmp/tool"}, gids: []int{0}},
		{name: "of root", uid: 0, args: []string{"-u", "openhands", "tool"}, argv: []string{"tool"}, user: 1000, gids: []int{27, 29, 1000}},
		{name: "no rule", uid: 405, args: []string{"tool"}, fails: "guest may not use sudo"},
		{name: "no account", uid: 7777, args: []string{"tool"}, fails: "user ID 7777 has no account"},
		{name: "unknown user", uid: 1000, args: []string{"-u", "ghost", "tool"}, fails: "unknown user ghost"},
		{name: "number", uid: 1000, args: []string{"-u", "405", "tool"}, fails: "unknown user 405"},
		{name: "no command", uid: 1000, fails: "a command is needed"},
		{name: "list, no rule", uid: 405, args: []string{"-l"}, fails: "guest may not use sudo"},
		{name: "option of another sudo", uid: 1000, args: []string{"-g", "root", "tool"}, fails: "invalid option -g; this is the payload's small sudo: sudo [-E"},
		{name: "list of a command", uid: 1000, args: []string{"-l", "toool"}, fails: "toool: not found"},
		{name: "unknown command", uid: 1000, args: []string{"toool"}, fails: "toool: not found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, err := inside(t, root, test.uid, slices.Concat(caller, test.given), "", sudoPath, append([]string{"sudo"}, test.args...)...)
			if test.fails != "" {
				if err == nil || !strings.Contains(o.Messages, test.fails) {
					t.Fatalf("%v, %q; want %q", err, o.Messages, test.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err, o.Messages)
			}
			slices.Sort(o.Groups)
			if !slices.Equal(o.Args, test.argv) || o.UID != test.user || o.EUID != test.user || !slices.Equal(o.Groups, test.gids) {
				t.Errorf("%q as %d %v, want %q as %d %v", o.Args, o.UID, o.Groups, test.argv, test.user, test.gids)
			}
			for name, want := range test.env {
				if got := o.Env.get(name); got != want {
					t.Errorf("%s=%q, want %q", name, got, want)
				}
			}
		})
	}
}

// A caller's umask is added to, and core dumps are off.
func TestSudoLimits(t *testing.T) {
	root := sudoRoot(t, map[string]string{"/etc/sudoers": grant})
	for mask, want := range map[int]int{0: 0o022, 0o077: 0o077, 0o002: 0o022} {
		old := syscall.Umask(mask)
		o, err := inside(t, root, 1000, nil, "", sudoPath, "sudo", "tool")
		syscall.Umask(old)
		must(t, err)
		if o.Umask != want || o.Core != 0 {
			t.Errorf("umask %03o: %03o, core dumps of %d bytes", mask, o.Umask, o.Core)
		}
	}
}

// sudo -l says what the caller may do, and with a command which one it is.
func TestSudoList(t *testing.T) {
	root := newRoot(t, map[string]string{"/etc/sudoers.d/openhands": grant, "/openhands/bin/tool": "probe"})
	for args, want := range map[string]string{
		"-l": "User openhands may run the following commands:\n    (ALL) NOPASSWD: ALL\n", "-n -l tool -x": "/openhands/bin/tool -x\n",
	} {
		c, s, out := newCall(root, nil, append([]string{"sudo"}, strings.Fields(args)...)...)
		c.ids.euid = 0
		must(t, c.dispatch())
		if out.String() != want || s.path != "" {
			t.Errorf("%s: %q and started %q, want %q", args, out, s.path, want)
		}
	}
}

// The caller chooses argv[0]; with the setuid bit no other program may answer.
func TestSetuidIsOnlySudo(t *testing.T) {
	root := sudoRoot(t, map[string]string{
		venvBin + "/python":             "probe",
		payload.Launchers + "/own.json": `{"path": "/usr/bin/tool"}`,
	})
	for _, name := range []string{"oh-python", "python", "su", "micromamba", "chown", "useradd", "own", "oh-wrappers", "oh-action-execution-server", "", "/"} {
		for _, argv := range [][]string{{name}, {name, "su", "root"}, {name, "openhands", "/etc/passwd"}} {
			o, err := inside(t, root, 1000, environ{"PATH=/usr/bin"}, "", sudoPath, argv...)
			if err == nil || !strings.Contains(o.Messages, "openhands may not use sudo") {
				t.Errorf("%q: %v, %q, %+v", argv, err, o.Messages, o)
			}
		}
	}
}

func TestSudoWithoutSetuid(t *testing.T) {
	root := sudoRoot(t, map[string]string{"/etc/sudoers": grant})
	must(t, os.Chmod(root+sudoPath, 0o755))
	o, err := inside(t, root, 1000, nil, "", sudoPath, "sudo", "tool")
	if err == nil || !strings.Contains(o.Messages, "no_new_privileges") {
		t.Errorf("%v, %q", err, o.Messages)
	}
}

// What cannot be trusted grants nothing, whatever it says.
func TestSudoersTrust(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(t *testing.T, root string)
		fails  string
	}{
		{name: "as it is", change: func(*testing.T, string) {}},
		{name: "group-writable", fails: "/etc/sudoers must be a regular file", change: func(t *testing.T, root string) {
			must(t, os.Chmod(root+"/etc/sudoers", 0o664))
		}},
		{name: "world-writable", fails: "/etc/sudoers must be a regular file", change: func(t *testing.T, root string) {
			must(t, os.Chmod(root+"/etc/sudoers", 0o646))
		}},
		{name: "of another", fails: "/etc/sudoers must be a regular file", change: func(t *testing.T, root string) {
			must(t, os.Chown(root+"/etc/sudoers", 1000, 0))
		}},
		{name: "link", fails: "/etc/sudoers: too many levels", change: func(t *testing.T, root string) {
			must(t, os.Rename(root+"/etc/sudoers", root+"/etc/real"))
			must(t, os.Symlink("real", root+"/etc/sudoers"))
		}},
		{name: "folder of another", fails: "/etc/sudoers.d must be a folder", change: func(t *testing.T, root string) {
			must(t, os.WriteFile(root+"/etc/sudoers", []byte(grant+"@includedir sudoers.d\n"), 0o440))
			must(t, os.Mkdir(root+"/etc/sudoers.d", 0o755))
			must(t, os.Chown(root+"/etc/sudoers.d", 1000, 0))
		}},
		{name: "backup", fails: "may not use sudo", change: func(t *testing.T, root string) {
			must(t, os.Mkdir(root+"/etc/sudoers.d", 0o755))
			must(t, os.Rename(root+"/etc/sudoers", root+"/etc/sudoers.d/sudoers.bak"))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := sudoRoot(t, map[string]string{"/etc/sudoers": grant})
			test.change(t, root)
			o, err := inside(t, root, 1000, nil, "", sudoPath, "sudo", "tool")
			if (err != nil) != (test.fails != "") || !strings.Contains(o.Messages, test.fails) {
				t.Errorf("%v, %q; want %q", err, o.Messages, test.fails)
			}
		})
	}
}

func TestDecide(t *testing.T) {
	names := []string{"openhands", "ALL", "%sudo", "%openhands"}
	for text, want := range map[string]bool{
		"":                                     false,
		"openhands ALL=(ALL) NOPASSWD: ALL":    true,
		"openhands ALL=(ALL:ALL) NOPASSWD:ALL": true,
		"openhands\tALL = ( ALL ) NOPASSWD : ALL # said so\r\n":                true,
		"%sudo ALL=(ALL) NOPASSWD:ALL":                                         true,
		"%wheel ALL=(ALL) NOPASSWD:ALL":                                        false,
		"#openhands ALL=(ALL) NOPASSWD: ALL":                                   false,
		"openhands2 ALL=(ALL) NOPASSWD: ALL":                                   false,
		"!openhands ALL=(ALL) NOPASSWD: ALL":                                   false,
		"sudo ALL=(ALL) NOPASSWD: ALL":                                         false,
		"ALL ALL=(ALL) NOPASSWD: ALL":                                          false,
		"a,openhands ALL=(ALL) NOPASSWD: ALL":                                  false,
		"openhands ALL=(ALL) ALL":                                              false,
		"openhands ALL=(ALL) NOPASSWD: /bin/ls":                                false,
		"openhands ALL=(ALL) NOPASSWD: ALL, !/bin/sh":                          false,
		"openhands ALL=(guest) NOPASSWD: ALL":                                  false,
		"openhands host=(ALL) NOPASSWD: ALL":                                   false,
		"openhands ALL=NOPASSWD: ALL":                                          false,
		"User_Alias X = a, \\\nopenhands ALL=(ALL) NOPASSWD: ALL":              false,
		"openhands ALL=(ALL) NOPASSWD: \\\n ALL":                               true,
		"openhands ALL=(ALL) NOPASSWD: ALL\n%sudo ALL=(ALL:ALL) ALL":           false,
		"%sudo ALL=(ALL:ALL) ALL\nopenhands ALL=(ALL) NOPASSWD: ALL":           true,
		"openhands ALL=(ALL) NOPASSWD: ALL\nDefaults:openhands secure_path=/x": true,
		"openhands ALL=(ALL) NOPASSWD: ALL\nroot ALL=(ALL) ALL":                true,
		"openhands ALL=(ALL) NOPASSWD: ALL\nALL ALL=(ALL) ALL":                 false,
		// Lines that may concern the user or may not.
		grant + "bob , openhands ALL=(ALL) ALL":   false,
		grant + "bob,alice ALL=(ALL) ALL":         true,
		grant + "#1000 ALL=(ALL) ALL":             false,
		grant + "%#27 ALL=(ALL) ALL":              false,
		grant + "ADMINS ALL=(ALL) ALL":            false,
		grant + "+netgroup ALL=(ALL) ALL":         false,
		grant + "!bob ALL=(ALL) ALL":              false,
		grant + "\"openhands\" ALL=(ALL) ALL":     false,
		grant + "open\\x68ands ALL=(ALL) ALL":     false,
		grant + "User_Alias ADMINS = openhands":   true,
		grant + "Defaults env_reset # 1st":        true,
		grant + "#include /etc/more":              false,
		grant + "@include /etc/more":              false,
		grant + "#includedir /etc/sudoers.d":      true,
		grant + "@includedir \"/etc/sudoers.d/\"": true,
		grant + "@includedir /etc/more.d":         true, // there is none
		grant + "@include /etc/more later":        false,
		grant + "@include \"/etc/more":            false,
		grant + "@includedir /etc/%h.d":           false,
		"ADMINS ALL=(ALL) NOPASSWD: ALL":          false,
		"#include /etc/more\n" + grant:            true,
		"openhands A L L=(ALL) NOPASSWD: ALL":     false,
		"openhands ALL=(ALL) NOPASSWD: A L L":     false,
		"openhands ALL=(ALL) NO PASSWD: ALL":      false,
		// Comments end with their line. Where that is not all that a line is, it
		// could go on all the same.
		"# a comment \\\n" + grant:                                           true,
		grant + "# a comment \\\nopenhands ALL=(ALL) !ALL":                   false,
		grant + "bob ALL=(ALL) ALL # x \\\nopenhands ALL=(ALL) !ALL":         false,
		"bob ALL=(ALL) ALL # x \\\n" + grant:                                 false,
		"bob ALL=(ALL) ALL # x \\\n\n" + grant:                               true,
		"openhands ALL=(ALL) NOPASSWD: \\ \n ALL\n":                          false,
		"openhands ALL=(ALL) NOPASSWD: ALL \\\n# x\n":                        false,
		"openhands ALL=(ALL) NOPASSWD: ALL \\\n@include /etc/more\n" + grant: false,
		"openhands ALL=(ALL) NOPASSWD: ALL \\":                               false,
		// Settings that are not carried out, and what undoes them.
		grant + "Defaults runchroot=/srv":                                     false,
		grant + "Defaults:openhands noexec":                                   false,
		grant + "Defaults:bob noexec":                                         true,
		grant + "Defaults:bob,openhands noexec":                               false,
		grant + "Defaults:ADMINS noexec":                                      false,
		grant + "Defaults!ALL noexec":                                         false,
		grant + "Defaults!ALL noexec\nDefaults !noexec":                       false,
		grant + "Defaults>root requiretty":                                    false,
		grant + "Defaults@host requiretty":                                    false,
		grant + "Defaults requiretty":                                         false,
		grant + "Defaults env_reset, requiretty":                              false,
		grant + "Defaults badpass_message=\"a # b, c\", requiretty":           false,
		grant + "Defaults badpass_message=\"requiretty, noexec\"":             true,
		grant + "Defaults badpass_message=\"x":                                false,
		grant + "Defaults runas_default=bob":                                  false,
		grant + "Defaults runas_default=bob\nDefaults runas_default=root":     true,
		grant + "Defaults some_news":                                          false,
		grant + "Defaults requiretty\nDefaults:openhands !requiretty":         true,
		grant + "Defaults requiretty\nDefaults:bob !requiretty":               false,
		grant + "Defaults:openhands !requiretty\nDefaults requiretty":         false,
		grant + "Defaults targetpw, rootpw, runaspw, use_pty, !lecture":       true,
		grant + "Defaults env_keep += \"A B\", secure_path=/bin:/sbin # kept": true,
	} {
		p := newSudoPolicy(t.TempDir(), names)
		if err := p.read(text, "/etc/sudoers"); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		got, err := p.permits()
		if settings := p.allowed && !want; got != want || (err != nil) != settings {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
}

// Files count where they are included, and the last line of all decides.
func TestSudoersOrder(t *testing.T) {
	const deny = "openhands ALL=(ALL) ALL\n"
	for _, test := range []struct {
		name  string
		files map[string]string
		want  bool
	}{
		{"a folder alone", map[string]string{"/etc/sudoers.d/a": grant}, true},
		{"an empty file", map[string]string{"/etc/sudoers": "\n", "/etc/sudoers.d/a": grant}, true},
		{"a folder that is not included", map[string]string{"/etc/sudoers": "root ALL=(ALL) ALL\n", "/etc/sudoers.d/a": grant}, false},
		{"a rule after the folder", map[string]string{"/etc/sudoers": "#includedir /etc/sudoers.d\n" + deny, "/etc/sudoers.d/a": grant}, false},
		{"a rule before the folder", map[string]string{"/etc/sudoers": deny + "@includedir /etc/sudoers.d\n", "/etc/sudoers.d/a": grant}, true},
		{"the last one in the folder", map[string]string{"/etc/sudoers": "@includedir sudoers.d\n", "/etc/sudoers.d/a": grant, "/etc/sudoers.d/b": deny}, false},
		{"the order of bytes", map[string]string{"/etc/sudoers": "@includedir sudoers.d\n", "/etc/sudoers.d/B": deny, "/etc/sudoers.d/a": grant}, true},
		{"passed over", map[string]string{"/etc/sudoers": grant + "@includedir sudoers.d\n", "/etc/sudoers.d/b.bak": deny, "/etc/sudoers.d/b~": deny, "/etc/sudoers.d/dir/": ""}, true},
		{"a file elsewhere", map[string]string{"/etc/sudoers": "@include \"/srv/rules\"\n", "/srv/rules": "@include more\n", "/srv/more": grant}, true},
		{"a file that denies", map[string]string{"/etc/sudoers": grant + "#include /srv/rules\n", "/srv/rules": deny}, false},
		{"a file of settings", map[string]string{"/etc/sudoers": "@include /srv/rules\n" + grant, "/srv/rules": "Defaults noexec\n"}, false},
	} {
		root := newRoot(t, test.files)
		accounts, err := account.Read(account.Dir(root))
		must(t, err)
		user, _ := accounts.User("openhands")
		got, err := permitted(root, accounts, user)
		if settings := test.name == "a file of settings"; got != test.want || (err != nil) != settings {
			t.Errorf("%s: %v, %v, want %v", test.name, got, err, test.want)
		}
	}
	// A file can include itself, and so in no time more than there is time for.
	root := newRoot(t, map[string]string{"/etc/sudoers": "@include sudoers\n@include sudoers\n" + grant})
	if got, err := permitted(root, &account.Accounts{}, account.User{Name: "openhands"}); got || err == nil {
		t.Errorf("a circle: %v, %v", got, err)
	}
}

// A rule for a name cannot be had through a group of that name, or the reverse.
func TestPermittedNames(t *testing.T) {
	root := newRoot(t, map[string]string{"/etc/sudoers": "%audio ALL=(ALL) NOPASSWD: ALL\n"})
	accounts, err := account.Read(account.Dir(root))
	must(t, err)
	for name, want := range map[string]bool{"openhands": true, "guest": false, "root": false} {
		user, _ := accounts.User(name)
		if got, err := permitted(root, accounts, user); got != want || err != nil {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
	}
}
