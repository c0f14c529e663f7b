package main

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/account"
)

// id prints who a user, or the process, is:
//
//	id [-u|-g|-G] [-n] [-r] [USER]
func (c *call) id() error {
	options, operands, err := syntax{short: "ugGnra", long: map[string]byte{
		"user": 'u', "group": 'g', "groups": 'G', "name": 'n', "real": 'r',
	}}.parse(c.args)
	if err != nil {
		return err
	}
	var what byte
	var names, effective = false, true
	for _, o := range options {
		switch o.letter {
		case 'n':
			names = true
		case 'r':
			effective = false
		case 'u', 'g', 'G':
			if what != 0 && what != o.letter {
				return usage("only one of -u, -g and -G can be asked for")
			}
			what = o.letter
		}
	}
	accounts, err := c.readAccounts()
	if err != nil {
		return err
	}
	uid, gid := c.ids.uid, c.ids.gid
	var gids []int
	switch len(operands) {
	case 0:
		if effective {
			uid, gid = c.ids.euid, c.ids.egid
		}
		if gids, err = os.Getgroups(); err != nil {
			return err
		}
	case 1:
		user, ok := resolveUser(accounts, operands[0])
		if !ok || user.Name == "" {
			return status(1, "%s: no such user", operands[0])
		}
		uid, gid, gids = user.UID, user.GID, accounts.GroupsOf(user)
	default:
		return usage("one user at a time")
	}
	gids = slices.DeleteFunc(gids, func(other int) bool { return other == gid })
	gids = append([]int{gid}, gids...)

	switch what {
	case 'u':
		return c.print(numberOrName(uid, userName(accounts, uid), names))
	case 'g':
		return c.print(numberOrName(gid, groupName(accounts, gid), names))
	case 'G':
		return c.print(join(gids, " ", func(g int) string { return numberOrName(g, groupName(accounts, g), names) }))
	}
	if names {
		return usage("-n needs one of -u, -g and -G")
	}
	return c.print("uid=" + withName(uid, userName(accounts, uid)) +
		" gid=" + withName(gid, groupName(accounts, gid)) +
		" groups=" + join(gids, ",", func(g int) string { return withName(g, groupName(accounts, g)) }))
}

func userName(a *account.Accounts, uid int) string {
	user, _ := a.UserOf(uid)
	return user.Name
}

func groupName(a *account.Accounts, gid int) string {
	group, _ := a.GroupOf(gid)
	return group.Name
}

// numberOrName prefers the name where names are wanted and there is one.
func numberOrName(id int, name string, names bool) string {
	if names && name != "" {
		return name
	}
	return strconv.Itoa(id)
}

func withName(id int, name string) string {
	if name == "" {
		return strconv.Itoa(id)
	}
	return strconv.Itoa(id) + "(" + name + ")"
}

func join(ids []int, separator string, text func(int) string) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = text(id)
	}
	return strings.Join(words, separator)
}
