package main

import (
	"slices"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

func tmuxRoot(t *testing.T) string {
	return newRoot(t, map[string]string{payload.Launchers + "/oh-tmux.json": `{"path": "/openhands/libexec/tmux"}`})
}

// Without su between, tmux gives the server's shells the user's environment,
// but keeps to its own server and socket.
func TestTmux(t *testing.T) {
	for value, want := range map[string]string{
		"":      serverEnviron().get("PATH"),
		"True":  serverEnviron().get("PATH"),
		"false": payload.Bin + ":/opt/go/bin:/bin:" + payload.FallbackBin,
	} {
		c, s, _ := newCall(tmuxRoot(t), append(serverEnviron(), "SU_TO_USER="+value), payload.CompatBin+"/tmux", "-V")
		must(t, c.dispatch())
		if s.path != payload.Libexec+"/tmux" || s.env.get("PATH") != want {
			t.Errorf("SU_TO_USER=%q: %s with PATH=%s, want %s", value, s.path, s.env.get("PATH"), want)
		}
		if argv := []string{payload.Libexec + "/tmux", "-u", "-f", "/dev/null", "-V"}; !slices.Equal(s.argv, argv) {
			t.Errorf("SU_TO_USER=%q: %q, want %q", value, s.argv, argv)
		}
		if s.env.index("TMUX_PANE") >= 0 {
			t.Errorf("SU_TO_USER=%q: the base leads tmux elsewhere: %q", value, s.env)
		}
	}
}

// Whoever types tmux has their own configuration.
func TestTmuxOfUser(t *testing.T) {
	env := environ{"PATH=" + payload.Bin + ":" + agentPrograms + ":/bin", "TMUX=/tmp/tmux-0/default,1,0", "TERM=tmux"}
	c, s, _ := newCall(tmuxRoot(t), slices.Clone(env), "tmux", "new-session")
	must(t, c.dispatch())
	if !slices.Equal(s.argv, []string{payload.Libexec + "/tmux", "new-session"}) || !slices.Equal(s.env, env) {
		t.Errorf("%q with %q", s.argv, s.env)
	}
}

// The agent server hands its environment on, a variable a call.
func TestTmuxOfAgentServer(t *testing.T) {
	user := environ{"PATH=/bin", "FOO=bar", "LANG=de_DE.UTF-8", "TERMINFO=/theirs", "OH_X=1", "TMUX_TMPDIR=/theirs"}
	server := user.forServer(func(name, _ string) bool { return name == "OH_X" }, own(), agentPrograms)
	server.set("TMUX_TMPDIR", "/servers")
	for _, test := range []struct {
		name, value string
		want        []string // what tmux is told; nothing where it has it already
	}{
		{"OH_X", "1", nil},
		{"LANG", "C.UTF-8", nil},
		{"LITELLM_LOCAL_MODEL_COST_MAP", "True", nil},
		{"TMUX_TMPDIR", "/servers", nil},
		{parked + "FOO", "bar", nil},
		{masked + "LANG", "de_DE.UTF-8", nil},
		{parked + "TMUX_TMPDIR", "/theirs", nil},
		{parked + "TERMINFO", "/theirs", []string{"TERMINFO", "/theirs"}},
		{"FOO", "of the conversation", []string{"FOO", "of the conversation"}},
		{"OH_X", "2", []string{"OH_X", "2"}},
		{"GIT_PAGER", "cat", []string{"GIT_PAGER", "cat"}},
	} {
		c, s, _ := newCall(tmuxRoot(t), slices.Clone(server), agentPrograms+"/tmux", "-Lx", "set-environment", "-t", "$0", test.name, test.value)
		must(t, c.dispatch())
		var got []string
		if s.path != "" {
			got = s.argv[len(s.argv)-2:]
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s=%s becomes %q, want %q", test.name, test.value, got, test.want)
		}
	}
	c, s, _ := newCall(tmuxRoot(t), slices.Clone(server), agentPrograms+"/tmux", "-Lx", "new-session", "-d")
	must(t, c.dispatch())
	for name, want := range map[string]string{"FOO": "bar", "LANG": "de_DE.UTF-8", "TMUX_TMPDIR": "/servers", "TERMINFO": ""} {
		if got := s.env.get(name); got != want {
			t.Errorf("tmux has %s=%q, want %q", name, got, want)
		}
	}
	c, s, _ = newCall(tmuxRoot(t), slices.Clone(server), agentPrograms+"/tmux", "-Lx", "set-environment", "-u", "OH_X")
	must(t, c.dispatch())
	if want := []string{"set-environment", "-u", "OH_X"}; !slices.Equal(s.argv[len(s.argv)-3:], want) {
		t.Errorf("%q, want %q at the end", s.argv, want)
	}
}
