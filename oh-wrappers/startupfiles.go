package main

import (
	"fmt"
	"strconv"

	"github.com/docker-openhands/docker-openhands/internal/home"
)

// startUpFiles is payload.StartUpFiles: it tries the shells that su would start
// for the caller, before a terminal and as a login.
func (c *call) startUpFiles() error {
	accounts, err := c.readAccounts()
	if err != nil {
		return err
	}
	user, err := c.suAccount(accounts, strconv.Itoa(c.ids.uid))
	if err != nil {
		return err
	}
	if dir, err := home.Find(c.root, user.Home); err == nil {
		user.Home = dir
	}
	for _, kind := range []struct {
		name string
		use  shellUse
	}{{"a session", shellUse{interactive: true}}, {"a login", shellUse{login: true}}} {
		env, err := c.suEnviron(user, kind.use.login, false)
		if err != nil {
			return err
		}
		env.setDefault("TERM", "tmux")
		if s := c.bash(env, kind.use, user.Shell, "/bin/bash"); s.remark != "" {
			if _, err := fmt.Fprintf(c.stdout, "%s of %s is %s %s\n", kind.name, user.Name, s.path, s.remark); err != nil {
				return err
			}
		}
	}
	return nil
}
