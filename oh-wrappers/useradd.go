package main

import (
	"errors"
	"path"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/account"
	"github.com/docker-openhands/docker-openhands/oh-init/setup"
)

// The exit statuses of useradd(8) and groupadd(8).
const (
	badArgument = 3
	idInUse     = 4
	noGroup     = 6
	nameInUse   = 9
)

// IDs below firstUserID are for the system.
const (
	firstSystemID = 100
	firstUserID   = 1000
	lastUserID    = 59999
	usersGroup    = 100 // of accounts without a group of their own
)

// useradd makes an account:
//
//	useradd [-rmMNo] [-u UID] [-g GROUP] [-G GROUP,...] [-d HOME] [-s SHELL] [-c TEXT] NAME
//
// Unlike other implementations it makes the groups of -G that do not exist:
// the server asks for "sudo", which many bases lack.
func (c *call) useradd() error {
	options, operands, err := syntax{short: "rmMNou:g:G:d:s:c:", long: map[string]byte{
		"system": 'r', "create-home": 'm', "no-create-home": 'M', "no-user-group": 'N', "non-unique": 'o',
		"uid": 'u', "gid": 'g', "groups": 'G', "home-dir": 'd', "shell": 's', "comment": 'c',
	}}.parse(c.args)
	if err != nil {
		return err
	}
	if len(operands) != 1 {
		return usage("one name is needed")
	}
	name := operands[0]
	user := account.User{Name: name, UID: -1, Home: "/home/" + name, Shell: "/bin/sh"}
	var system, withHome, noGroupOfItsOwn, shared bool
	var primary string
	var supplementary []string
	for _, o := range options {
		switch o.letter {
		case 'r':
			system = true
		case 'm', 'M':
			withHome = o.letter == 'm'
		case 'N':
			noGroupOfItsOwn = true
		case 'o':
			shared = true
		case 'u':
			if user.UID, err = account.ParseID(o.value); err != nil {
				return status(badArgument, "invalid user ID %q", o.value)
			}
		case 'g':
			primary = o.value
		case 'G':
			supplementary = strings.FieldsFunc(o.value, func(r rune) bool { return r == ',' })
		case 'd':
			user.Home = o.value
		case 's':
			user.Shell = o.value
		case 'c':
			user.Comment = o.value
		}
	}
	for _, name := range append([]string{name}, supplementary...) {
		if !validName(name) {
			return status(badArgument, "invalid name %q", name)
		}
	}
	if strings.ContainsAny(user.Home+user.Shell+user.Comment, ":\n") || !path.IsAbs(user.Home) {
		return status(badArgument, "invalid home, shell or comment")
	}

	accounts, unlock, err := c.editAccounts()
	if err != nil {
		return err
	}
	defer unlock()
	if _, taken := accounts.User(name); taken {
		return status(nameInUse, "user %s already exists", name)
	}
	if user.UID < 0 {
		if user.UID, err = freeID(system, accounts.FreeUID); err != nil {
			return err
		}
	} else if other, taken := accounts.UserOf(user.UID); taken && !shared {
		return status(idInUse, "user ID %d is that of %s", user.UID, other.Name)
	}
	switch {
	case primary != "":
		gid, ok := resolveGroup(&accounts.Accounts, primary)
		if _, exists := accounts.GroupOf(gid); !ok || !exists {
			return status(noGroup, "group %s does not exist", primary)
		}
		user.GID = gid
	case noGroupOfItsOwn:
		user.GID = usersGroup
	default:
		if _, taken := accounts.Group(name); taken {
			return status(nameInUse, "group %s already exists: choose it with -g", name)
		}
		user.GID = user.UID
		if accounts.FreeGID(user.GID, +1) != user.GID {
			if user.GID, err = freeID(system, accounts.FreeGID); err != nil {
				return err
			}
		}
		accounts.AddGroup(name, user.GID, account.Last)
	}
	for _, g := range supplementary {
		if _, exists := accounts.Group(g); !exists {
			gid, err := freeID(true, accounts.FreeGID)
			if err != nil {
				return err
			}
			accounts.AddGroup(g, gid, account.Last)
		}
		accounts.AddMember(g, name)
	}
	accounts.AddUser(user, account.Last)
	if err := accounts.Save(); err != nil {
		return err
	}
	if withHome {
		return setup.MakeHome(c.path("/"), name)
	}
	return nil
}

// groupadd makes a group:
//
//	groupadd [-rfo] [-g GID] NAME
func (c *call) groupadd() error {
	options, operands, err := syntax{short: "rfog:", long: map[string]byte{
		"system": 'r', "force": 'f', "non-unique": 'o', "gid": 'g',
	}}.parse(c.args)
	if err != nil {
		return err
	}
	if len(operands) != 1 {
		return usage("one name is needed")
	}
	name := operands[0]
	if !validName(name) {
		return status(badArgument, "invalid name %q", name)
	}
	gid := -1
	var system, force, shared bool
	for _, o := range options {
		switch o.letter {
		case 'r':
			system = true
		case 'f':
			force = true
		case 'o':
			shared = true
		case 'g':
			if gid, err = account.ParseID(o.value); err != nil {
				return status(badArgument, "invalid group ID %q", o.value)
			}
		}
	}
	accounts, unlock, err := c.editAccounts()
	if err != nil {
		return err
	}
	defer unlock()
	if _, taken := accounts.Group(name); taken {
		if force {
			return nil
		}
		return status(nameInUse, "group %s already exists", name)
	}
	if other, taken := accounts.GroupOf(gid); taken && !shared {
		if !force {
			return status(idInUse, "group ID %d is that of %s", gid, other.Name)
		}
		gid = -1
	}
	if gid < 0 {
		if gid, err = freeID(system, accounts.FreeGID); err != nil {
			return err
		}
	}
	accounts.AddGroup(name, gid, account.Last)
	return accounts.Save()
}

// editAccounts reads the account files for changes, and keeps other programs that
// edit them out until unlock is called.
func (c *call) editAccounts() (_ *account.Editor, unlock func(), err error) {
	dir := account.Dir(c.root)
	if unlock, err = dir.Lock(); err != nil {
		return nil, nil, err
	}
	accounts, err := account.Edit(dir)
	if err != nil {
		unlock()
		return nil, nil, err
	}
	return accounts, unlock, nil
}

// freeID chooses as useradd(8) does: from the top for the system, from the
// bottom for people.
func freeID(system bool, free func(id, step int) int) (int, error) {
	first, last, step := firstUserID, lastUserID, +1
	if system {
		first, last, step = firstUserID-1, firstSystemID, -1
	}
	id := free(first, step)
	if id < min(first, last) || id > max(first, last) {
		return 0, errors.New("no ID is free")
	}
	return id, nil
}

func validName(name string) bool {
	if name == "" || len(name) > 32 || name[0] == '-' || strings.Trim(name, "0123456789") == "" || strings.Trim(name, ".") == "" {
		return false
	}
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.-", r)) {
			return false
		}
	}
	return true
}
