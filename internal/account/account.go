// Package account reads and edits the account files of a root file system:
// passwd(5), group(5), shadow(5) and gshadow(5). Name services are not asked.
//
// Lines count as the C library of most bases and of the payload reads them
// (glibc: nss/nss_files/files-parse.c, pwd/fgetpwent_r.c, grp/fgetgrent_r.c). An
// account needs a name and two numbers, a group a name and one; what a line
// lacks behind them is empty, although the tools of shadow-utils want all seven
// fields (lib/sgetpwent.c). Blanks before a line are no part of it, # begins a
// comment, and names that begin with + or - are no accounts but hand over to a
// directory service. Of several lines with a name or a number the first counts.
// Other than there, a line without a name is none, nor is one with the number
// that the kernel takes for no ID, and a carriage return ends a line, too.
//
// New lines stand where shadow-utils puts them, before the first one with + or -
// (lib/commonio.c). Other lines are kept byte for byte.
package account

import (
	"fmt"
	"strconv"
	"strings"
)

// The account files.
const (
	PasswdFile  = "/etc/passwd"
	GroupFile   = "/etc/group"
	ShadowFile  = "/etc/shadow"
	GshadowFile = "/etc/gshadow"
)

// User is a line of passwd(5).
type User struct {
	Name     string
	UID, GID int
	Comment  string
	Home     string // absolute; empty where the line has no such path
	Shell    string // empty: /bin/sh
}

// Group is a line of group(5).
type Group struct {
	Name    string
	GID     int
	Members []string
}

// Accounts are those of a root file system.
type Accounts struct {
	users  index[User]
	groups index[Group]
}

// Reader reads files by their absolute paths.
type Reader interface {
	// ReadAccounts returns the content of one of the account files; ok reports
	// whether there is one.
	ReadAccounts(name string) (content []byte, ok bool, err error)
}

// Read reads the users and groups. A file that is not there has no lines.
func Read(from Reader) (*Accounts, error) {
	a, err := ReadUsers(from)
	if err != nil {
		return nil, err
	}
	t, err := readTable(from, GroupFile)
	if err != nil {
		return nil, err
	}
	a.takeGroups(t)
	return a, nil
}

// ReadUsers reads the users alone.
func ReadUsers(from Reader) (*Accounts, error) {
	t, err := readTable(from, PasswdFile)
	if err != nil {
		return nil, err
	}
	a := new(Accounts)
	a.takeUsers(t)
	return a, nil
}

func (a *Accounts) takeUsers(t *table) {
	a.users = newIndex[User]()
	for i := range t.lines {
		f := t.fields(i)
		uid, ok := number(f, 2)
		gid, also := number(f, 3)
		if !ok || !also || !isName(f[0]) {
			continue
		}
		u := User{Name: f[0], UID: uid, GID: gid, Comment: field(f, 4), Home: field(f, 5), Shell: strings.Join(f[min(6, len(f)):], ":")}
		if !strings.HasPrefix(u.Home, "/") {
			u.Home = ""
		}
		a.users.add(u.Name, u.UID, u)
	}
}

func (a *Accounts) takeGroups(t *table) {
	a.groups = newIndex[Group]()
	for i := range t.lines {
		f := t.fields(i)
		if gid, ok := number(f, 2); ok && isName(f[0]) {
			members := strings.FieldsFunc(field(f, 3), func(r rune) bool { return r == ',' })
			a.groups.add(f[0], gid, Group{Name: f[0], GID: gid, Members: members})
		}
	}
}

// User returns the account of a name.
func (a *Accounts) User(name string) (User, bool) { return a.users.named(name) }

// UserOf returns the account of a user ID.
func (a *Accounts) UserOf(uid int) (User, bool) { return a.users.numbered(uid) }

// Group returns the group of a name.
func (a *Accounts) Group(name string) (Group, bool) { return a.groups.named(name) }

// GroupOf returns the group of a group ID.
func (a *Accounts) GroupOf(gid int) (Group, bool) { return a.groups.numbered(gid) }

// GroupsOf returns the IDs of the groups of a user, the primary one first, as
// getgrouplist(3).
func (a *Accounts) GroupsOf(u User) []int {
	gids, known := []int{u.GID}, map[int]bool{u.GID: true}
	for _, g := range a.groups.all {
		for _, member := range g.Members {
			if member == u.Name && !known[g.GID] {
				gids, known[g.GID] = append(gids, g.GID), true
			}
		}
	}
	return gids
}

// MaxID is the largest user or group ID. The next one means "none" to the
// kernel.
const MaxID = 1<<32 - 2

// ParseID reads a user or group ID.
func ParseID(text string) (int, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	if err == nil && id > MaxID {
		err = fmt.Errorf("%s is no ID", text)
	}
	return int(id), err
}

// index finds the first entry with a name or a number.
type index[T any] struct {
	all      []T
	byName   map[string]int
	byNumber map[int]int
}

func newIndex[T any]() index[T] { return index[T]{byName: map[string]int{}, byNumber: map[int]int{}} }

func (x *index[T]) add(name string, number int, entry T) {
	if _, taken := x.byName[name]; !taken {
		x.byName[name] = len(x.all)
	}
	if _, taken := x.byNumber[number]; !taken {
		x.byNumber[number] = len(x.all)
	}
	x.all = append(x.all, entry)
}

func (x *index[T]) named(name string) (entry T, ok bool) {
	i, ok := x.byName[name]
	if ok {
		entry = x.all[i]
	}
	return entry, ok
}

func (x *index[T]) numbered(number int) (entry T, ok bool) {
	i, ok := x.byNumber[number]
	if ok {
		entry = x.all[i]
	}
	return entry, ok
}
