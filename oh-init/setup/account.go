package setup

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// account is a line of passwd(5).
type account struct {
	name     string
	uid, gid int
	home     string
}

const (
	passwdFile  = "/etc/passwd"
	groupFile   = "/etc/group"
	shadowFile  = "/etc/shadow"
	gshadowFile = "/etc/gshadow"
	sudoGroup   = "sudo"
)

// Identifiers of groups without a wanted number: Debian's for sudo, and the
// upper end of the range that shadow-utils gives to system groups.
const (
	sudoGID   = 27
	systemGID = 999
)

// lookup finds name in the base's passwd.
func (s *stage) lookup(name string) (account, bool, error) {
	passwd, err := s.table(passwdFile)
	if err != nil {
		return account{}, false, err
	}
	a, ok := passwd.account(name)
	return a, ok, nil
}

// accounts sees to root, the user and the group sudo, and returns the user.
//
// Nobody gets a password. The field is "*", which no password matches, rather
// than empty: root reaches the user with su and the user reaches root with sudo
// without one either way, while an empty field would let every other account,
// and a user for whom sudo was refused, become root. It is not "!", which sshd
// takes for a locked account. Passwords of the base stay.
func (s *stage) accounts(o Options) (account, error) {
	var tables [4]*table
	for i, file := range []string{passwdFile, groupFile, shadowFile, gshadowFile} {
		t, err := s.table(file)
		if err != nil {
			return account{}, err
		}
		tables[i] = t
	}
	passwd, group, shadow, gshadow := tables[0], tables[1], tables[2], tables[3]
	// Without shadow(5) "x" would point nowhere and PAM would refuse the account.
	password := "x"
	if !shadow.exists && passwd.exists {
		password = "*"
	}
	addUser := func(at int, name string, uid, gid int, home string) {
		id := func(n int) string { return strconv.Itoa(n) }
		passwd.insert(at, name, password, id(uid), id(gid), name, home, "/bin/bash")
		if password == "x" && shadow.find(name) < 0 {
			shadow.insert(at, name, "*", "", "0", "99999", "7", "", "", "")
		}
	}
	addGroup := func(at int, name string, gid int) {
		group.insert(at, name, "x", strconv.Itoa(gid), "")
		if gshadow.exists && gshadow.find(name) < 0 {
			gshadow.insert(at, name, "!", "", "")
		}
	}

	if group.find("root") < 0 {
		addGroup(0, "root", 0)
	}
	if passwd.find("root") < 0 {
		addUser(0, "root", 0, 0, "/root")
	}
	user, ok := passwd.account(o.User)
	if !ok {
		user = account{name: o.User, home: "/home/" + o.User}
		var at int
		user.uid, at = passwd.place(o.UID)
		if i := group.find(o.User); i >= 0 {
			user.gid = group.id(i)
		} else {
			gid, at := group.place(o.GID)
			if gid != o.GID {
				gid, at = group.place(user.uid)
			}
			user.gid = gid
			addGroup(at, o.User, gid)
		}
		addUser(at, user.name, user.uid, user.gid, user.home)
	}
	if user.uid != 0 && o.Sudo {
		if group.find(sudoGroup) < 0 {
			gid := sudoGID
			if group.line(gid) >= 0 {
				gid = group.free(systemGID, -1)
			}
			addGroup(group.end(), sudoGroup, gid)
		}
		group.addMember(sudoGroup, user.name)
		gshadow.addMember(sudoGroup, user.name)
	}

	for i, mode := range []fs.FileMode{0o644, 0o644, 0o640, 0o640} {
		if t := tables[i]; t.changed {
			if err := s.write(t.path, t.String(), mode, 0, 0); err != nil {
				return account{}, err
			}
		}
	}
	return user, nil
}

// table is one of the account files: lines of fields between colons, the name
// first. Lines of the base are kept byte for byte, apart from one to which a
// member is added.
type table struct {
	path    string
	lines   []string // without the line feed
	exists  bool
	changed bool
}

func (s *stage) table(path string) (*table, error) {
	content, ok, err := s.read(path)
	if err != nil {
		return nil, err
	}
	t := &table{path: path, exists: ok}
	if text := strings.TrimSuffix(string(content), "\n"); text != "" {
		t.lines = strings.Split(text, "\n")
	}
	return t, nil
}

func (t *table) String() string { return strings.Join(t.lines, "\n") + "\n" }

// fields splits a line; a carriage return at its end is no part of it.
func (t *table) fields(line int) []string {
	return strings.Split(strings.TrimSuffix(t.lines[line], "\r"), ":")
}

// find returns the index of name's line, or -1.
func (t *table) find(name string) int {
	return slices.IndexFunc(t.lines, func(line string) bool { return strings.HasPrefix(line, name+":") })
}

// end returns where a line is added: at the end, but before the lines with + or
// - that hand over to a directory service.
func (t *table) end() int {
	if i := slices.IndexFunc(t.lines, func(line string) bool { return strings.HasPrefix(line, "+") || strings.HasPrefix(line, "-") }); i >= 0 {
		return i
	}
	return len(t.lines)
}

func (t *table) insert(at int, fields ...string) {
	t.lines = slices.Insert(t.lines, min(at, t.end()), strings.Join(fields, ":"))
	t.changed = true
}

// maxID is the largest user or group ID. The next one means "none" to the kernel.
const maxID = 1<<32 - 2

// parseID reads a user or group ID; it returns -1 for what is none.
func parseID(text string) int {
	if id, err := strconv.ParseUint(text, 10, 32); err == nil && id <= maxID {
		return int(id)
	}
	return -1
}

// id returns the numeric ID of a line of passwd or group, -1 if it has none.
func (t *table) id(line int) int {
	_, rest, _ := strings.Cut(t.lines[line], ":")
	_, rest, _ = strings.Cut(rest, ":")
	id, _, _ := strings.Cut(rest, ":")
	return parseID(strings.TrimSuffix(id, "\r"))
}

// line returns the index of the first line with the ID, or -1.
func (t *table) line(id int) int {
	for i := range t.lines {
		if t.id(i) == id {
			return i
		}
	}
	return -1
}

// stock are accounts that images bring for whoever uses them: those of Ubuntu,
// and the Python and Node.js image that OpenHands uses by default. OpenHands'
// own builder deletes them, so that its user gets their ID.
var stock = []string{"ubuntu", "pn"}

// place returns the ID and the place of a new line that wants an ID. One that a
// stock account has is shared with it: the new line comes first, so that files
// are the user's by name, too. Otherwise it is the next that is free.
func (t *table) place(wanted int) (id, at int) {
	if line := t.line(wanted); line >= 0 && slices.Contains(stock, t.fields(line)[0]) {
		return wanted, line
	}
	return t.free(wanted, +1), t.end()
}

// free returns the first unused ID from id on, upwards or downwards, within 1 to
// maxID; where that side has none left, the other one's first.
func (t *table) free(id, step int) int {
	used := make(map[int]bool, len(t.lines))
	for i := range t.lines {
		used[t.id(i)] = true
	}
	for next := id; ; next += step {
		if next < 1 || next > maxID {
			next, step = id, -step
		}
		if !used[next] {
			return next
		}
	}
}

// account reads name's line of passwd, the first one that has an ID.
func (t *table) account(name string) (account, bool) {
	for i, line := range t.lines {
		if !strings.HasPrefix(line, name+":") || t.id(i) < 0 {
			continue
		}
		a := account{name: name, uid: t.id(i), home: "/"}
		f := t.fields(i)
		if len(f) > 3 {
			a.gid = max(parseID(f[3]), 0)
		}
		if len(f) > 5 && strings.HasPrefix(f[5], "/") {
			a.home = f[5]
		}
		return a, true
	}
	return account{}, false
}

// addMember adds user to the last field of name's line in group or gshadow.
func (t *table) addMember(name, user string) {
	line := t.find(name)
	if line < 0 {
		return
	}
	f := t.fields(line)
	for len(f) < 4 {
		f = append(f, "")
	}
	if slices.Contains(strings.Split(f[3], ","), user) {
		return
	}
	f[3] = strings.TrimPrefix(fmt.Sprintf("%s,%s", f[3], user), ",")
	t.lines[line] = strings.Join(f, ":")
	t.changed = true
}
