package main

import (
	"cmp"
	"path/filepath"
	"slices"

	"github.com/docker-openhands/docker-openhands/internal/home"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// agentModule is the server of the profile agent-server.
const agentModule = "openhands.agent_server"

// agentPrograms comes before the image's PATH: the server needs the payload's
// own tmux, and whoever types tmux in one of its terminals the same.
const agentPrograms = payload.Libexec + "/" + payload.AgentServer + "/bin"

// asInItsImage is what the server's own image sets.
var asInItsImage = []payload.Var{
	{Name: "LOG_JSON", Value: "true"},
	{Name: "OH_ACP_SKILL_SOURCING", Value: "openhands_managed"},
}

// quiet turns off what packages of the server would fetch or report while they
// start: a price list, extensions of the browser, the number of the newest
// release, statistics.
var quiet = []payload.Var{
	{Name: "LITELLM_LOCAL_MODEL_COST_MAP", Value: "True"},
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
// Its terminals and what it starts in them have the environment that it has
// itself, so that little of that is changed: -I keeps Python from the variables
// and the modules that are meant for the user's own Python.
func (c *call) agentServer() error {
	accounts, err := readAccounts(c.root)
	if err != nil {
		return err
	}
	env := c.env
	started := c.ids
	if err := c.stepDown(accounts, cmp.Or(env.get(payload.UserVariable), payload.User), "", payload.Workspace); err != nil {
		return err
	}
	if c.ids != started {
		user, _ := accounts.userOf(c.ids.euid)
		if user.home, err = home.Find(c.root, user.home); err != nil {
			return err
		}
		env.setUser(user)
	}
	env.set("PATH", agentPrograms+":"+payload.Path(env.get("PATH")))
	// The payload has one locale; in any other, tmux replaces characters.
	if locale := env.locale(); locale != "C.UTF-8" && locale != "C.utf8" {
		env.set("LC_ALL", "C.UTF-8")
	}
	for _, v := range slices.Concat(payload.Environ(), asInItsImage, quiet) {
		env.setDefault(v.Name, v.Value)
	}
	flags := []string{"-I"}
	if env.get("PYTHONUNBUFFERED") != "" {
		flags = append(flags, "-u")
	}
	python := filepath.Join(venvBin, "python")
	return c.start(python, sooner(slices.Concat([]string{python}, flags, []string{"-m", agentModule}, c.args)), env)
}
