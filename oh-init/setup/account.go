package setup

import (
	"io/fs"
	"slices"

	"github.com/docker-openhands/docker-openhands/internal/account"
)

// Identifiers of groups without a wanted number: Debian's for sudo, and the
// upper end of the range that shadow-utils gives to system groups.
const (
	sudoGroup = "sudo"
	sudoGID   = 27
	systemGID = 999
)

// ReadAccounts implements account.Reader.
func (s *stage) ReadAccounts(name string) ([]byte, bool, error) { return s.read(name) }

// WriteAccounts implements account.Files.
func (s *stage) WriteAccounts(name string, content []byte, mode fs.FileMode) error {
	return s.write(name, string(content), mode, 0, 0)
}

// lookup finds an account of the base.
func (s *stage) lookup(name string) (account.User, bool, error) {
	accounts, err := account.ReadUsers(s)
	if err != nil {
		return account.User{}, false, err
	}
	user, ok := accounts.User(name)
	return user, ok, nil
}

// accounts sees to root, the user and the group sudo, and returns the user.
// Passwords of the base stay.
func (s *stage) accounts(o Options) (account.User, error) {
	e, err := account.Edit(s)
	if err != nil {
		return account.User{}, err
	}
	if _, ok := e.Group("root"); !ok {
		e.AddGroup("root", 0, 0)
	}
	if _, ok := e.User("root"); !ok {
		e.AddUser(account.User{Name: "root", Comment: "root", Home: "/root", Shell: shell}, 0)
	}
	user, ok := e.User(o.User)
	if !ok {
		user = newUser(e, o)
	}
	if user.UID != 0 && o.Sudo {
		if _, ok := e.Group(sudoGroup); !ok {
			gid := sudoGID
			if e.FreeGID(gid, +1) != gid {
				gid = e.FreeGID(systemGID, -1)
			}
			e.AddGroup(sudoGroup, gid, account.Last)
		}
		e.AddMember(sudoGroup, user.Name)
	}
	return user, e.Save()
}

const shell = "/bin/bash"

// stock are accounts that images bring for whoever uses them: those of Ubuntu,
// and the Python and Node.js image that OpenHands uses by default. OpenHands'
// own builder deletes them, so that its user gets their ID. Here it is shared
// with them: the new line comes first, so that files are the user's by name, too.
var stock = []string{"ubuntu", "pn"}

// newUser adds the user that a base lacks, in the group of that name.
func newUser(e *account.Editor, o Options) account.User {
	user := account.User{Name: o.User, Comment: o.User, Home: "/home/" + o.User, Shell: shell}
	holder, _ := e.UserOf(o.UID)
	uid, line := place(o.UID, holder.Name, e.LineOfUser, e.FreeUID)
	user.UID = uid
	if group, ok := e.Group(o.User); ok {
		user.GID = group.GID
	} else {
		user.GID = newGroup(e, o, uid)
	}
	e.AddUser(user, line)
	return user
}

// newGroup adds the user's group, which without the wanted ID gets the user's.
func newGroup(e *account.Editor, o Options, uid int) int {
	holder, _ := e.GroupOf(o.GID)
	gid, line := place(o.GID, holder.Name, e.LineOfGroup, e.FreeGID)
	if gid != o.GID {
		holder, _ = e.GroupOf(uid)
		gid, line = place(uid, holder.Name, e.LineOfGroup, e.FreeGID)
	}
	e.AddGroup(o.User, gid, line)
	return gid
}

// place returns the ID and the line of who wants an ID that holder has, if
// anybody has it: that one, or the next that is free.
func place(wanted int, holder string, lineOf func(name string) int, free func(id, step int) int) (id, line int) {
	if slices.Contains(stock, holder) {
		return wanted, lineOf(holder)
	}
	return free(wanted, +1), account.Last
}
