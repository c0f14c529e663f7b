package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// A bash starts with its start-up files where they leave it one that the server
// can work in, else in the next best way.
func TestBash(t *testing.T) {
	session, login, loginShell := shellUse{interactive: true}, shellUse{login: true}, shellUse{login: true, interactive: true}
	const mended, without = "without vi's keys", "without "
	for _, test := range []struct {
		name   string
		use    shellUse
		file   string
		text   string
		remark string   // its start
		argv   []string // where it is not the plain one
	}{
		{name: "no file", use: session},
		{name: "prompt, aliases, output", use: session, file: ".bashrc", text: "PS1='$ '; PROMPT_COMMAND='echo x'; alias ls='ls -l'; echo welcome\n"},
		{name: "trap", use: session, file: ".bashrc", text: "trap 'echo trapped >&2' DEBUG\n"},
		{name: "bracketed paste off", use: session, file: ".inputrc", text: "set enable-bracketed-paste off\n"},

		{name: "vi", use: session, file: ".bashrc", text: "set -o vi\n", remark: mended},
		{name: "vi in inputrc", use: session, file: ".inputrc", text: "set editing-mode vi\n", remark: mended},
		{name: "keys of inputrc", use: session, file: ".inputrc", text: "\"\\C-l\": self-insert\n", remark: mended},
		{name: "idle time", use: session, file: ".bashrc", text: "TMOUT=900\n", remark: mended},
		{name: "end at an error", use: session, file: ".bashrc", text: "set -e\n", remark: mended},

		{name: "prompt that cannot be set", use: session, file: ".bashrc", text: "readonly PROMPT_COMMAND\n", remark: without, argv: []string{"bash", "--norc"}},
		{name: "idle time that cannot be unset", use: session, file: ".bashrc", text: "readonly TMOUT=900\n", remark: without, argv: []string{"bash", "--norc"}},
		{name: "another shell", use: session, file: ".bashrc", text: "exec /bin/dash\n", remark: without, argv: []string{"bash", "--norc"}},
		{name: "another shell before a terminal", use: session, file: ".bashrc", text: "[ -t 1 ] && [ -z \"$BASH_EXECUTION_STRING\" ] && exec /bin/dash\n", remark: without, argv: []string{"bash", "--norc"}},
		{name: "end", use: session, file: ".bashrc", text: "exit 0\n", remark: without, argv: []string{"bash", "--norc"}},
		{name: "question", use: session, file: ".bashrc", text: "read -p 'Which environment? ' answer\n", remark: without, argv: []string{"bash", "--norc"}},
		{name: "everything that is typed", use: session, file: ".bashrc", text: "cat >/dev/null\n", remark: without, argv: []string{"bash", "--norc"}},

		{name: "login", use: login, file: ".bash_profile", text: "echo welcome\n"},
		{name: "login with idle time", use: login, file: ".bash_profile", text: "readonly TMOUT=900\n"},
		{name: "login as another shell", use: login, file: ".bash_profile", text: "echo welcome; exec /bin/dash\n", remark: without, argv: []string{"-bash", "--noprofile"}},
		{name: "login that ends", use: login, file: ".bash_profile", text: "echo 5.2; exit 0\n", remark: without, argv: []string{"-bash", "--noprofile"}},
		{name: "login that reads its input", use: login, file: ".bash_profile", text: "cat >/dev/null\n", remark: without, argv: []string{"-bash", "--noprofile"}},

		{name: "login at a terminal", use: loginShell, file: ".bash_profile"},
		{name: "login at a terminal with vi", use: loginShell, file: ".bash_profile", text: "set -o vi\n", remark: mended},
		{name: "login at a terminal that ends", use: loginShell, file: ".bash_profile", text: "exit\n", remark: without, argv: []string{"-bash", "--noprofile"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			if test.file != "" {
				must(t, os.WriteFile(filepath.Join(home, test.file), []byte(test.text), 0o644))
			}
			env := environ{"HOME=" + home, "PATH=/usr/bin:/bin", "TERM=xterm", "PROMPT_COMMAND=true"}
			c, _, _ := newCall("", env)
			want := test.argv
			if want == nil {
				want = test.use.way("/bin/bash", env, "").argv
			}
			s := c.bash(env, test.use, "/bin/bash")
			if s.path != "/bin/bash" || !slices.Equal(s.argv, want) || !strings.HasPrefix(s.remark, test.remark) || (s.remark == "") != (test.remark == "") {
				t.Errorf("starts %s %q %q, want %q %q", s.path, s.argv, s.remark, want, test.remark)
			}
		})
	}
}

// What was changed to set a shell back is as it was when the server comes.
func TestBashSetBack(t *testing.T) {
	home := t.TempDir()
	must(t, os.WriteFile(home+"/.bashrc", []byte("set -o vi\n"), 0o644))
	env := environ{"HOME=" + home, "PATH=/usr/bin:/bin", "TERM=xterm", "INPUTRC=/it's", "PROMPT_COMMAND=echo \"it's\""}
	c, _, _ := newCall("", env)
	s := c.bash(env, shellUse{interactive: true}, "/bin/bash")
	out, err := exec.Command("/bin/bash", "--norc", "-ic", s.env.get("PROMPT_COMMAND")+` 2>/dev/null; echo "$INPUTRC $PROMPT_COMMAND"`).Output()
	must(t, err)
	if want := "/it's echo \"it's\"\n"; string(out) != want {
		t.Errorf("left is %q, want %q", out, want)
	}
}

// The time that trying a shell takes stands before every session.
func BenchmarkBash(b *testing.B) {
	home := b.TempDir()
	env := environ{"HOME=" + home, "PATH=/usr/bin:/bin", "TERM=xterm"}
	c := &call{}
	for name, use := range map[string]shellUse{"session": {interactive: true}, "login": {login: true}, "script": {}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if s := c.bash(env, use, "/bin/bash"); s.remark != "" {
					b.Fatal(s.remark)
				}
			}
		})
	}
}

// Where the server asks for /bin/bash itself, it gets the first that works, in
// the environment as it is but for a limit on idle time.
func TestOwnShell(t *testing.T) {
	for name, script := range map[string]string{"/bin/bash": "echo; echo 5.2", payload.FallbackBin + "/bash": "exit 1"} {
		root := newRoot(t, nil)
		must(t, os.MkdirAll(root+"/bin", 0o755))
		must(t, os.WriteFile(root+"/bin/bash", []byte("#!/bin/sh\n"+script+"\n"), 0o755))
		c, s, _ := newCall(root, environ{"HOME=/x", "TMOUT=900", "SHELL=/bin/zsh"}, payload.Wrappers, "oh-shell")
		must(t, c.dispatch())
		if s.path != name || !slices.Equal(s.argv, []string{"bash"}) || !slices.Equal(s.env, environ{"HOME=/x", "SHELL=/bin/zsh"}) {
			t.Errorf("%s: starts %s %q with %q", script, s.path, s.argv, s.env)
		}
	}
}
