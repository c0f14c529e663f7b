package main

import "testing"

func TestClear(t *testing.T) {
	for term, want := range map[string]string{
		"tmux-256color": "\x1b[H\x1b[2J\x1b[3J",
		"xterm":         "\x1b[H\x1b[2J\x1b[3J",
		"dumb":          "",
		"":              "",
	} {
		c, _, out := newCall(t.TempDir(), environ{"TERM=" + term}, "/openhands/fallback/bin/clear")
		if err := c.dispatch(); err != nil || out.String() != want {
			t.Errorf("TERM=%q: %q, %v; want %q", term, out, err, want)
		}
	}
}
