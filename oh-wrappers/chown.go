package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/internal/account"
	"github.com/docker-openhands/docker-openhands/internal/folder"
)

// unchanged is what chown(2) takes for an ID that stays.
const unchanged = -1

// chown changes owners:
//
//	chown [-Rhfvc] [OWNER][:[GROUP]] FILE...
//
// It prints nothing but errors, with -v and -c too. With -R symbolic links are
// changed themselves and never followed. What has the owner already is left
// alone: on a layered file system a change, even to the same owner, would copy
// the file.
func (c *call) chown() error {
	options, operands, err := syntax{short: "Rhfvc", long: map[string]byte{
		"recursive": 'R', "no-dereference": 'h', "silent": 'f', "quiet": 'f',
	}}.parse(c.args)
	if err != nil {
		return err
	}
	var recursive, link, silent bool
	for _, o := range options {
		switch o.letter {
		case 'R':
			recursive = true
		case 'h':
			link = true
		case 'f':
			silent = true
		}
	}
	if len(operands) < 2 {
		return usage("an owner and a file are needed")
	}
	accounts, err := c.readAccounts()
	if err != nil {
		return err
	}
	uid, gid, err := owner(accounts, operands[0])
	if err != nil {
		return err
	}

	failed := 0
	report := func(err error) {
		failed++
		if !silent {
			fmt.Fprintf(c.stderr, "chown: %v\n", err)
		}
	}
	for _, file := range operands[1:] {
		if !recursive {
			if err := chownFile(c.path(file), uid, gid, !link); err != nil {
				report(err)
			}
			continue
		}
		owners{uid, gid, report}.changeTree(c.path(file))
	}
	if failed > 0 {
		return fmt.Errorf("%d files could not be changed", failed)
	}
	return nil
}

func chownFile(path string, uid, gid int, follow bool) error {
	change, stat := os.Lchown, os.Lstat
	if follow {
		change, stat = os.Chown, os.Stat
	}
	info, err := stat(path)
	if err != nil || owns(info, uid, gid) {
		return err
	}
	return change(path, uid, gid)
}

func owns(info fs.FileInfo, uid, gid int) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && (uid == unchanged || int(s.Uid) == uid) && (gid == unchanged || int(s.Gid) == gid)
}

// owners is a change of owners that goes on after an error.
type owners struct {
	uid, gid int
	report   func(error)
}

// changeTree changes what is at path and below. Its files' new owner may be at
// work there already: folders are entered one by one, none through a link.
func (o owners) changeTree(path string) {
	path, err := filepath.Abs(path)
	if err != nil {
		o.report(err)
		return
	}
	parent, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		o.report(err)
		return
	}
	defer parent.Close()
	name, _ := filepath.Rel(filepath.Dir(path), path) // "." for the root folder
	o.change(parent, name)
}

func (o owners) change(parent *os.Root, name string) {
	failed := func(err error) {
		o.report(fmt.Errorf("%s: %w", filepath.Join(parent.Name(), name), err))
	}
	info, err := o.changeOne(parent, name)
	if err != nil {
		failed(err)
	}
	if info == nil || !info.IsDir() {
		return
	}
	dir, err := folder.Enter(parent, name)
	if err != nil {
		failed(err)
		return
	}
	defer dir.Close()
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		failed(err)
	}
	for _, entry := range entries {
		o.change(dir, entry.Name())
	}
}

// changeOne changes what has the name, a link itself, and describes it as it was.
// A file of root's that has other names is left to root: one of them may be
// outside of the tree, and the new owner may have given it the one inside.
func (o owners) changeOne(parent *os.Root, name string) (fs.FileInfo, error) {
	f, err := parent.OpenFile(name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || owns(info, o.uid, o.gid) {
		return info, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 && stat.Nlink > 1 && !info.IsDir() {
		return info, errors.New("is root's and has other names")
	}
	return info, unix.Fchownat(int(f.Fd()), "", o.uid, o.gid, unix.AT_EMPTY_PATH)
}

// owner reads [OWNER][:[GROUP]]. "OWNER:" stands for the primary group of
// OWNER, which then must have an account.
func owner(a *account.Accounts, spec string) (uid, gid int, err error) {
	name, groupName, hasGroup := strings.Cut(spec, ":")
	user, ok := account.User{UID: unchanged, GID: unchanged}, true
	if name != "" {
		user, ok = resolveUser(a, name)
	}
	if !ok {
		return 0, 0, fmt.Errorf("invalid user %q", spec)
	}
	switch {
	case !hasGroup || name == "" && groupName == "":
		return user.UID, unchanged, nil
	case groupName == "" && user.Name == "":
		return 0, 0, errors.New("user " + name + " has no account and therefore no group")
	case groupName == "":
		return user.UID, user.GID, nil
	}
	gid, ok = resolveGroup(a, groupName)
	if !ok {
		return 0, 0, fmt.Errorf("invalid group %q", spec)
	}
	return user.UID, gid, nil
}
