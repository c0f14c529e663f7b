package main

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/docker-openhands/docker-openhands/internal/home"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// agentPrograms comes before the image's PATH: the server needs the payload's
// own tmux, and whoever types tmux in one of its terminals the same.
const agentPrograms = payload.Libexec + "/" + payload.AgentServer + "/bin"

// asInItsImage is what the server's own image sets.
var asInItsImage = []payload.Var{
	{Name: "LOG_JSON", Value: "true"},
	{Name: "OH_ACP_SKILL_SOURCING", Value: "openhands_managed"},
}

// quiet turns off what packages of the server would fetch or report while they
// start: extensions of the browser, the number of the newest release,
// statistics.
var quiet = []payload.Var{
	{Name: "BROWSER_USE_DISABLE_EXTENSIONS", Value: "true"},
	{Name: "BROWSER_USE_VERSION_CHECK", Value: "false"},
	{Name: "BROWSER_USE_CLOUD_SYNC", Value: "false"},
	{Name: "ANONYMIZED_TELEMETRY", Value: "false"},
}

// agentServer starts the server of the profile agent-server with the options
// that its own image takes:
//
//	oh-agent-server [OPTION...]
//
// What it starts for the user, terminals above all, gets the user's environment
// back: from tmux, and from payload.StartServer. -I keeps Python from variables
// and modules that are meant for the user's own Python.
func (c *call) agentServer() error {
	accounts, err := c.readAccounts()
	if err != nil {
		return err
	}
	started := c.ids
	if err := c.stepDown(accounts, cmp.Or(c.env.get(payload.UserVariable), payload.User), "", payload.Workspace); err != nil {
		return err
	}
	if c.ids != started {
		user, _ := accounts.UserOf(c.ids.euid)
		if user.Home, err = home.Find(c.root, user.Home); err != nil {
			return err
		}
		c.env.setUser(user)
	}
	ours := own()
	for _, v := range asInItsImage {
		ours = append(ours, payload.Var{Name: v.Name, Value: cmp.Or(c.env.get(v.Name), v.Value)})
	}
	for _, v := range quiet {
		if chosen, err := strconv.ParseBool(c.env.get(v.Name)); err == nil {
			v.Value = strconv.FormatBool(chosen)
		}
		ours = append(ours, v)
	}
	env := c.serverEnviron(ofAgentServer, ours, agentPrograms)
	flags := []string{"-I"}
	if c.env.get("PYTHONUNBUFFERED") != "" {
		flags = append(flags, "-u")
	}
	python := filepath.Join(venvBin, "python")
	return c.start(python, sooner(slices.Concat([]string{python}, flags, []string{"-m", payload.AgentServerModule}, c.args)), env)
}
