package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/docker-openhands/docker-openhands/internal/folder"
	"github.com/docker-openhands/docker-openhands/internal/home"
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
	user := account{name: name, uid: -1, gid: -1, home: "/home/" + name, shell: "/bin/sh"}
	var system, withHome, noGroupOfItsOwn, shared bool
	var primary, comment string
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
			if user.uid, err = parseID(o.value); err != nil {
				return status(badArgument, "invalid user ID %q", o.value)
			}
		case 'g':
			primary = o.value
		case 'G':
			supplementary = strings.FieldsFunc(o.value, func(r rune) bool { return r == ',' })
		case 'd':
			user.home = o.value
		case 's':
			user.shell = o.value
		case 'c':
			comment = o.value
		}
	}
	for _, name := range append([]string{name}, supplementary...) {
		if !validName(name) {
			return status(badArgument, "invalid name %q", name)
		}
	}
	if strings.ContainsAny(user.home+user.shell+comment, ":\n") || !path.IsAbs(user.home) {
		return status(badArgument, "invalid home, shell or comment")
	}

	accounts, err := readAccounts(c.root)
	if err != nil {
		return err
	}
	if _, taken := accounts.user(name); taken {
		return status(nameInUse, "user %s already exists", name)
	}
	if user.uid < 0 {
		user.uid, err = freeID(system, func(id int) bool { _, taken := accounts.userOf(id); return taken })
		if err != nil {
			return err
		}
	} else if other, taken := accounts.userOf(user.uid); taken && !shared {
		return status(idInUse, "user ID %d is that of %s", user.uid, other.name)
	}
	switch {
	case primary != "":
		gid, ok := accounts.resolveGroup(primary)
		if _, exists := accounts.groupOf(gid); !ok || !exists {
			return status(noGroup, "group %s does not exist", primary)
		}
		user.gid = gid
	case noGroupOfItsOwn:
		user.gid = usersGroup
	default:
		if _, taken := accounts.group(name); taken {
			return status(nameInUse, "group %s already exists: choose it with -g", name)
		}
		gid := user.uid
		if _, taken := accounts.groupOf(gid); taken {
			gid = -1
		}
		if user.gid, err = c.addGroup(accounts, name, gid, system); err != nil {
			return err
		}
	}
	for _, g := range supplementary {
		if _, exists := accounts.group(g); !exists {
			if _, err := c.addGroup(accounts, g, -1, true); err != nil {
				return err
			}
		}
	}
	if err := c.addMember(supplementary, name); err != nil {
		return err
	}
	line := fmt.Sprintf("%s:x:%d:%d:%s:%s:%s", name, user.uid, user.gid, comment, user.home, user.shell)
	if err := c.appendLine("/etc/passwd", line, 0o644); err != nil {
		return err
	}
	// "!" is no password's hash: nobody logs in with one.
	if err := c.appendLine("/etc/shadow", fmt.Sprintf("%s:!:%d::::::", name, time.Now().Unix()/86400), 0o600); err != nil {
		return err
	}
	if withHome {
		return c.makeHome(user)
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
			if gid, err = parseID(o.value); err != nil {
				return status(badArgument, "invalid group ID %q", o.value)
			}
		}
	}
	accounts, err := readAccounts(c.root)
	if err != nil {
		return err
	}
	if _, taken := accounts.group(name); taken {
		if force {
			return nil
		}
		return status(nameInUse, "group %s already exists", name)
	}
	if other, taken := accounts.groupOf(gid); taken && !shared {
		if !force {
			return status(idInUse, "group ID %d is that of %s", gid, other.name)
		}
		gid = -1
	}
	_, err = c.addGroup(accounts, name, gid, system)
	return err
}

// addGroup writes a group and adds it to accounts. A negative gid asks for a
// free one.
func (c *call) addGroup(accounts *accounts, name string, gid int, system bool) (int, error) {
	if gid < 0 {
		var err error
		gid, err = freeID(system, func(id int) bool { _, taken := accounts.groupOf(id); return taken })
		if err != nil {
			return 0, err
		}
	}
	if err := c.appendLine("/etc/group", fmt.Sprintf("%s:x:%d:", name, gid), 0o644); err != nil {
		return 0, err
	}
	if _, err := os.Stat(c.path("/etc/gshadow")); err == nil {
		if err := c.appendLine("/etc/gshadow", name+":!::", 0o600); err != nil {
			return 0, err
		}
	}
	accounts.groups = append(accounts.groups, group{name: name, gid: gid})
	return gid, nil
}

// freeID chooses as useradd(8) does: from the top for the system, from the
// bottom for people.
func freeID(system bool, taken func(int) bool) (int, error) {
	if system {
		for id := firstUserID - 1; id >= firstSystemID; id-- {
			if !taken(id) {
				return id, nil
			}
		}
	} else {
		for id := firstUserID; id <= lastUserID; id++ {
			if !taken(id) {
				return id, nil
			}
		}
	}
	return 0, errors.New("no ID is free")
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

// appendLine adds a line to a file, which is made where it is missing.
func (c *call) appendLine(file, line string, mode fs.FileMode) error {
	text, err := os.ReadFile(c.path(file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		line = "\n" + line
	}
	f, err := os.OpenFile(c.path(file), os.O_WRONLY|os.O_APPEND|os.O_CREATE, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}

// addMember puts a user into groups of /etc/group. The file is replaced as a
// whole, but written in place where it is a mount point.
func (c *call) addMember(groups []string, user string) error {
	if len(groups) == 0 {
		return nil
	}
	file := c.path("/etc/group")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if name, _, _ := strings.Cut(line, ":"); slices.Contains(groups, name) {
			if !strings.HasSuffix(line, ":") {
				line += ","
			}
			line += user
		}
		b.WriteString(line + "\n")
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	next := file + "+"
	if err := os.WriteFile(next, []byte(b.String()), info.Mode().Perm()); err != nil {
		return err
	}
	if err := os.Rename(next, file); !errors.Is(err, syscall.EBUSY) {
		return err
	}
	return errors.Join(os.WriteFile(file, []byte(b.String()), info.Mode().Perm()), os.Remove(next))
}

// makeHome makes the home of a user from /etc/skel. One that exists is left
// as it is.
func (c *call) makeHome(user account) error {
	dir := c.path(user.home)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	parent, err := os.OpenRoot(filepath.Dir(dir))
	if err != nil {
		return err
	}
	defer parent.Close()
	attributes := folder.Attributes{Mode: 0o755, UID: user.uid, GID: user.gid}
	err = folder.Make(parent, filepath.Base(dir), attributes, func(dir *os.Root) error {
		if err := copyTree(dir, os.DirFS(c.path("/etc/skel"))); err != nil {
			return fmt.Errorf("copying /etc/skel: %w", err)
		}
		if err := home.Furnish(dir); err != nil {
			return err
		}
		return fs.WalkDir(dir.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
			if err != nil || name == "." {
				return err
			}
			return dir.Lchown(name, user.uid, user.gid)
		})
	})
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// copyTree copies the files, links and folders of tree, which need not exist.
func copyTree(dir *os.Root, tree fs.FS) error {
	return fs.WalkDir(tree, ".", func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name == "." {
			return fs.SkipAll
		}
		if err != nil || name == "." {
			return err
		}
		switch e.Type() {
		case fs.ModeDir:
			return dir.Mkdir(name, 0o755)
		case fs.ModeSymlink:
			target, err := fs.ReadLink(tree, name)
			return errors.Join(err, dir.Symlink(target, name))
		case 0:
			info, err := e.Info()
			if err != nil {
				return err
			}
			text, err := fs.ReadFile(tree, name)
			if err != nil {
				return err
			}
			return dir.WriteFile(name, text, info.Mode().Perm())
		}
		return nil
	})
}
