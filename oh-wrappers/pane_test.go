package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// tmuxServer is a tmux of the test's own, called through the wrapper.
type tmuxServer struct {
	root string
	env  environ
}

func startTmux(t *testing.T) *tmuxServer {
	t.Helper()
	program, err := exec.LookPath("tmux")
	must(t, err)
	s := &tmuxServer{
		root: newRoot(t, map[string]string{payload.Launchers + "/oh-tmux.json": `{"path": "/tmux"}`}),
		env:  serverEnviron().only("PATH", "TERM", parked+"*"),
	}
	s.env.set("HOME", t.TempDir())
	s.env.set("TMUX_TMPDIR", t.TempDir())
	must(t, os.Symlink(program, s.root+"/tmux"))
	s.call(t, "-f/dev/null", "new-session", "-d", "-x", "200", "-y", "50", "sleep 1000")
	t.Cleanup(func() { s.call(t, "kill-server") })
	return s
}

// call calls the wrapper and returns what is printed.
func (s *tmuxServer) call(t *testing.T, args ...string) string {
	t.Helper()
	c, _, out := newCall(s.root, s.env, append([]string{"tmux"}, args...)...)
	c.exec = func(path string, argv, env []string) error {
		program := exec.Cmd{Path: c.path(path), Args: argv, Env: env, Stdout: out, Stderr: out}
		return program.Run()
	}
	if err := c.dispatch(); err != nil {
		t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return strings.TrimSpace(out.String())
}

// window runs a shell's commands in a new window, which reads keys one by one
// and shows nothing by itself.
func (s *tmuxServer) window(t *testing.T, commands string) *pane {
	t.Helper()
	id := s.call(t, "new-window", "-P", "-F#{window_id}", "sleep 0.3; stty -icanon -echo; "+commands+"; sleep 1000")
	c, _, _ := newCall(s.root, s.env, "tmux")
	c.name = "tmux"
	return &pane{call: c, target: id}
}

// reading waits until the window reads keys.
func (p *pane) reading() *pane {
	p.wait(windowLimit, func(s paneState) bool { return s.reads })
	return p
}

func (p *pane) look(t *testing.T) paneState {
	t.Helper()
	s, ok := p.state()
	if !ok {
		t.Fatal("the pane is gone")
	}
	return s
}

// A window that is there reads what is typed.
func TestTmuxWindow(t *testing.T) {
	s := startTmux(t)
	if !s.window(t, ":").look(t).reads {
		t.Error("the window does not read keys yet")
	}
	id := s.call(t, "new-window", "-P", "-F#{window_id}", "sleep 0.1") // ends without reading
	if !strings.HasPrefix(id, "@") {
		t.Errorf("the window is called %q", id)
	}
}

// Text that is sent is shown.
func TestTmuxText(t *testing.T) {
	s := startTmux(t)
	p := s.window(t, "sleep 0.3; head -c 3").reading()
	s.call(t, "send-keys", "-t", p.target, "abc")
	if shown := s.call(t, "capture-pane", "-p", "-t", p.target); !strings.Contains(shown, "abc") {
		t.Errorf("the pane shows %q", shown)
	}
}

// History is cleared when what was typed before has been read.
func TestTmuxHistory(t *testing.T) {
	s := startTmux(t)
	p := s.window(t, "sleep 0.3; head -c 3 >/dev/null").reading()
	s.call(t, "send-keys", "-t", p.target, "C-a")
	s.call(t, "send-keys", "-t", p.target, "C-b")
	s.call(t, "send-keys", "-t", p.target, "C-e")
	s.call(t, "clear-history", "-t", p.target)
	if unread := p.look(t).unread; unread > 0 {
		t.Errorf("%d bytes are not read yet", unread)
	}
}

// What tmux cannot do it says itself.
func TestTmuxFails(t *testing.T) {
	s := startTmux(t)
	for _, args := range [][]string{
		{"new-window", "-P", "-F#{window_id}", "-t", "nobody", "sleep 1"},
		{"send-keys", "-t", "%99", "abc"},
		{"clear-history", "-t", "%99"},
	} {
		c, started, _ := newCall(s.root, s.env, append([]string{"tmux"}, args...)...)
		must(t, c.dispatch())
		if started.path != "/tmux" {
			t.Errorf("%q: tmux is not asked", args)
		}
	}
}

func TestInWindow(t *testing.T) {
	for line, want := range map[string]string{
		"/bin/bash":                     payload.Wrappers + " oh-shell",
		"/usr/bin/nice -n 10 /bin/bash": "/usr/bin/nice -n 10 " + payload.Wrappers + " oh-shell",
		"su openhands -":                "su openhands -",
		"/opt/bin/bash":                 "/opt/bin/bash",
	} {
		if got := inWindow(line); got != want {
			t.Errorf("%s becomes %s, want %s", line, got, want)
		}
	}
}
