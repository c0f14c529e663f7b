package account

import (
	"io/fs"
	"strconv"
)

// Files are the account files of a root file system, to be changed.
type Files interface {
	Reader
	// WriteAccounts gives a file its content. One that is there keeps its mode
	// and owner; a new one is root's.
	WriteAccounts(name string, content []byte, mode fs.FileMode) error
}

// Editor adds accounts and groups. What is added can be found at once, and is
// written by Save.
type Editor struct {
	Accounts
	files                          Files
	passwd, group, shadow, gshadow *table
}

// Edit reads the files for changes.
func Edit(files Files) (*Editor, error) {
	e := &Editor{files: files}
	for _, file := range []struct {
		name string
		into **table
	}{{PasswdFile, &e.passwd}, {GroupFile, &e.group}, {ShadowFile, &e.shadow}, {GshadowFile, &e.gshadow}} {
		t, err := readTable(files, file.name)
		if err != nil {
			return nil, err
		}
		*file.into = t
	}
	e.takeUsers(e.passwd)
	e.takeGroups(e.group)
	return e, nil
}

// Last is the place of a new line behind all others but those that hand over to
// a directory service.
const Last = -1

// AddUser adds an account as line at of passwd, or Last.
//
// Nobody gets a password. The field is "*", which no password matches, rather
// than empty: root reaches the user with su and the user reaches root with sudo
// without one either way, while an empty field would let every other account,
// and a user for whom sudo was refused, become root. It is not "!", which sshd
// takes for a locked account. It is in shadow, which is made where there was no
// passwd either: beside a passwd alone, as in useradd(8), it is in that, because
// an "x" would point nowhere and PAM would refuse the account.
func (e *Editor) AddUser(u User, at int) {
	password := "x"
	if !e.shadow.exists && e.passwd.exists {
		password = "*"
	}
	e.passwd.insert(at, u.Name, password, strconv.Itoa(u.UID), strconv.Itoa(u.GID), u.Comment, u.Home, u.Shell)
	if password == "x" && e.shadow.find(u.Name) < 0 {
		e.shadow.insert(Last, u.Name, "*", "", "0", "99999", "7", "", "", "")
	}
	e.takeUsers(e.passwd)
}

// AddGroup adds a group without members as line at of group, or Last.
func (e *Editor) AddGroup(name string, gid, at int) {
	e.group.insert(at, name, "x", strconv.Itoa(gid), "")
	if e.gshadow.exists && e.gshadow.find(name) < 0 {
		e.gshadow.insert(Last, name, "!", "", "")
	}
	e.takeGroups(e.group)
}

// AddMember adds a user to a group, unless it is in it.
func (e *Editor) AddMember(group, user string) {
	for _, t := range []*table{e.group, e.gshadow} {
		if line := t.find(group); line >= 0 {
			t.addMember(line, user)
		}
	}
	e.takeGroups(e.group)
}

// LineOfUser and LineOfGroup return where the first line of a name stands, for
// one that is to come before it; Last where there is none.
func (e *Editor) LineOfUser(name string) int  { return e.passwd.find(name) }
func (e *Editor) LineOfGroup(name string) int { return e.group.find(name) }

// FreeUID and FreeGID return the first ID from id on, by steps of 1 or -1, that
// no line has, also none that is no account. It is within 1 to MaxID; where that
// side has none left it is the first one of the other.
func (e *Editor) FreeUID(id, step int) int { return e.passwd.free(id, step) }
func (e *Editor) FreeGID(id, step int) int { return e.group.free(id, step) }

// Save writes the files that have changed, an account's own line last.
func (e *Editor) Save() error {
	for _, file := range []struct {
		*table
		mode fs.FileMode
	}{{e.gshadow, 0o640}, {e.group, 0o644}, {e.shadow, 0o640}, {e.passwd, 0o644}} {
		if !file.changed {
			continue
		}
		if err := e.files.WriteAccounts(file.name, file.content(), file.mode); err != nil {
			return err
		}
		file.changed = false
	}
	return nil
}
