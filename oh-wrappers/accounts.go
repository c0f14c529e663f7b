package main

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
)

// account is a line of passwd(5), group one of group(5).
type account struct {
	name  string
	uid   int
	gid   int
	home  string
	shell string
}

type group struct {
	name    string
	gid     int
	members []string
}

// accounts are the local ones of a root file system, in the order of the
// files; name services are not asked.
type accounts struct {
	users  []account
	groups []group
}

// readAccounts reads /etc/passwd and /etc/group below root. A file that is not
// there has no lines, and a line that cannot be understood is passed over.
func readAccounts(root string) (*accounts, error) {
	a := new(accounts)
	err := eachLine(root+"/etc/passwd", func(fields []string) {
		if len(fields) < 7 {
			return
		}
		uid, err1 := parseID(fields[2])
		gid, err2 := parseID(fields[3])
		if fields[0] != "" && err1 == nil && err2 == nil {
			a.users = append(a.users, account{fields[0], uid, gid, fields[5], fields[6]})
		}
	})
	if err != nil {
		return nil, err
	}
	err = eachLine(root+"/etc/group", func(fields []string) {
		if len(fields) < 4 {
			return
		}
		gid, err := parseID(fields[2])
		if fields[0] == "" || err != nil {
			return
		}
		members := strings.FieldsFunc(fields[3], func(r rune) bool { return r == ',' })
		a.groups = append(a.groups, group{fields[0], gid, members})
	})
	return a, err
}

func eachLine(file string, visit func(fields []string)) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if line := lines.Text(); !strings.HasPrefix(line, "#") {
			visit(strings.Split(line, ":"))
		}
	}
	return lines.Err()
}

// parseID reads a user or group ID. The largest 32-bit number means "none" to
// the kernel and is not an ID.
func parseID(s string) (int, error) {
	id, err := strconv.ParseUint(s, 10, 32)
	if err == nil && id == 1<<32-1 {
		err = strconv.ErrRange
	}
	return int(id), err
}

func (a *accounts) user(name string) (account, bool) {
	i := slices.IndexFunc(a.users, func(u account) bool { return u.name == name })
	if i < 0 {
		return account{}, false
	}
	return a.users[i], true
}

func (a *accounts) userOf(uid int) (account, bool) {
	i := slices.IndexFunc(a.users, func(u account) bool { return u.uid == uid })
	if i < 0 {
		return account{}, false
	}
	return a.users[i], true
}

func (a *accounts) group(name string) (group, bool) {
	i := slices.IndexFunc(a.groups, func(g group) bool { return g.name == name })
	if i < 0 {
		return group{}, false
	}
	return a.groups[i], true
}

func (a *accounts) groupOf(gid int) (group, bool) {
	i := slices.IndexFunc(a.groups, func(g group) bool { return g.gid == gid })
	if i < 0 {
		return group{}, false
	}
	return a.groups[i], true
}

// groupsOf returns the IDs of the groups of a user, the primary one first, as
// getgrouplist(3).
func (a *accounts) groupsOf(u account) []int {
	gids := []int{u.gid}
	for _, g := range a.groups {
		if slices.Contains(g.members, u.name) && !slices.Contains(gids, g.gid) {
			gids = append(gids, g.gid)
		}
	}
	return gids
}

// resolveUser finds a user by name or, failing that, by number, as chown(1)
// does. A number without an account is valid; its name is empty.
func (a *accounts) resolveUser(s string) (account, bool) {
	if u, ok := a.user(s); ok {
		return u, true
	}
	uid, err := parseID(s)
	if err != nil {
		return account{}, false
	}
	if u, ok := a.userOf(uid); ok {
		return u, true
	}
	return account{uid: uid, gid: -1}, true
}

// resolveGroup is resolveUser for groups.
func (a *accounts) resolveGroup(s string) (int, bool) {
	if g, ok := a.group(s); ok {
		return g.gid, true
	}
	gid, err := parseID(s)
	return gid, err == nil
}
