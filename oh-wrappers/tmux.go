package main

import (
	"os"
	"slices"
	"strings"
)

// ofTmux are the variables that tmux itself and its libraries read.
var ofTmux = []string{"TMUX*", "EVENT_*", "TERMINFO*", "TERMCAP"}

// tmux is the one that the servers keep their shells in. For them it reads no
// configuration, and takes and gives text as UTF-8 whatever the locale. Called
// by anybody else it is the payload's tmux and no more.
//
// The shells are the user's at once, but where the action execution server has
// su between: tmux starts them with its own environment, which is the user's
// then, all but what it reads itself.
//
// Whoever can reach tmux can ask it for the environment that it was started
// with: it has none of the secrets.
func (c *call) tmux() error {
	c.env.forget(secrets)
	if !c.env.isServer() {
		return c.launch()
	}
	if server := c.env; c.ofAgentServer() || !c.changesUser() {
		c.env = slices.Concat(
			server.forUser().without(ofTmux...),
			server.only(ofTmux...),
		)
		var done bool
		if c.args, done = passOn(c.args, server, c.env); done {
			return nil
		}
	}
	c.args = slices.Concat([]string{"-u", "-f", os.DevNull}, c.args)
	return c.launchInStep()
}

// ofAgentServer reports whether the caller is the agent server: its own folder
// of programs is on its PATH.
func (c *call) ofAgentServer() bool {
	return slices.Contains(strings.Split(c.env.get("PATH"), ":"), agentPrograms)
}

// passOn reads a call "set-environment [-t SESSION] NAME VALUE". The agent
// server hands on its whole environment that way, a variable a call, among it
// what a shell has from tmux already, as the user's: that is done, and would
// set the server's or fail, for tmux takes no long ones. Of what tmux was
// started without, the user's variable is set.
func passOn(args []string, server, user environ) (_ []string, done bool) {
	i := slices.Index(args, "set-environment")
	if i < 0 || len(args) < i+3 || strings.HasPrefix(args[len(args)-2], "-") {
		return args, false
	}
	name, value := args[len(args)-2], args[len(args)-1]
	prefix, original := aside(name)
	switch {
	case prefix == parked && matchesAny(ofTmux, original) && server.index(original) < 0:
		return append(slices.Clone(args[:len(args)-2]), original, value), false
	case prefix != "", slices.Contains(server, name+"="+value), slices.Contains(user, name+"="+value):
		return nil, true
	}
	return args, false
}
