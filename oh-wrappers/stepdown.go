package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"

	"github.com/docker-openhands/docker-openhands/internal/account"
	"github.com/docker-openhands/docker-openhands/internal/folder"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// stepDown has a server that root starts run as the user of its sessions,
// where the image was built without sudo: with the server's key a session would
// otherwise have the server do what only root may. What the server does as root
// for its sessions is done before: the account is made, which may not use sudo,
// and gets the workspace with all that is in it. A server that is asked for as
// root stays root's. id is for a new account, empty for the payload's default.
func (c *call) stepDown(accounts *account.Accounts, name, id, workspace string) error {
	if c.ids.euid != 0 || c.env.get(payload.NoSudoVariable) == "" {
		return nil
	}
	user, known := accounts.User(name)
	if name == "root" || known && user.UID == 0 {
		return nil
	}
	if !known {
		var err error
		if user, err = c.makeAccount(accounts, name, cmp.Or(id, strconv.Itoa(payload.DefaultID))); err != nil {
			return fmt.Errorf("making the account %s: %w", name, err)
		}
	}
	if err := c.giveFolder(workspace, user.UID, c.workspaceGroup(accounts)); err != nil {
		fmt.Fprintf(c.stderr, "%s: %s may lack rights in the workspace: %v\n", c.name, name, err)
	}
	if err := c.become(accounts, user); err != nil {
		return fmt.Errorf("the server of an image without sudo runs as %s: %w; start the container with --user %[1]s, "+
			"or with --cap-add SETGID --cap-add SETUID", name, err)
	}
	c.ids = ids{user.UID, user.UID, user.GID, user.GID}
	return nil
}

// makeAccount makes an account with a home, in a group of its own name.
func (c *call) makeAccount(accounts *account.Accounts, name, id string) (account.User, error) {
	add := *c
	add.args = []string{"-m", "-s", "/bin/bash", "-u", id, name}
	if _, taken := accounts.Group(name); taken {
		add.args = append([]string{"-g", name}, add.args...)
	}
	if err := add.useradd(); err != nil {
		return account.User{}, err
	}
	all, err := c.readAccounts()
	if err != nil {
		return account.User{}, err
	}
	*accounts = *all
	user, _ := accounts.User(name)
	return user, nil
}

// giveFolder gives a folder, which is made where it is missing, and all that
// is in it to a user, and lets the group write to the folder. No link is
// followed: users can have put it there.
func (c *call) giveFolder(absolute string, uid, gid int) error {
	root, err := os.OpenRoot(c.path("/"))
	if err != nil {
		return err
	}
	defer root.Close()
	parent, err := folder.Descend(root, path.Dir(path.Clean(absolute)))
	if err != nil {
		return err
	}
	defer parent.Close()
	name := path.Base(absolute)
	if err := parent.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	dir, err := folder.Enter(parent, name)
	if err != nil {
		return err
	}
	defer dir.Close()
	var failed error
	owners{uid, gid, func(err error) { failed = cmp.Or(failed, err) }}.change(dir, ".")
	self, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer self.Close()
	info, err := self.Stat()
	if err == nil {
		err = self.Chmod(info.Mode() | 0o060)
	}
	return cmp.Or(failed, err)
}
