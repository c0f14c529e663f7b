//go:build unix

// Package home finds a home folder for a process. An arbitrary user ID has no
// account and therefore none, and on a read-only root file system the account's
// own cannot be written to; notebooks, browsers and package managers need one
// that can.
package home

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/docker-openhands/docker-openhands/internal/folder"
)

// ReadBashrc has a login bash read .bashrc, in which OpenHands keeps
// environment variables.
const ReadBashrc = `if [ -n "${BASH_VERSION-}" ] && [ -f ~/.bashrc ]; then
	. ~/.bashrc
fi
`

// Profile and Bashrc are the files .profile and .bashrc of a new home.
const (
	Profile = `# Read by login shells.
` + ReadBashrc + `case ":$PATH:" in
*":$HOME/.local/bin:"*) ;;
*) PATH="$HOME/.local/bin:$PATH" ;;
esac
export PATH
`
	Bashrc = `# Read by interactive shells; .profile has login shells read it too.
`
)

// temporary is where Find makes homes: the one place that every container has
// for every user.
const temporary = "/tmp"

// Find returns the first of the wanted folders that this process may write to.
// Where there is none it is /tmp/home-UID, which is made if need be: readable
// for nobody else, and never one that another user has prepared. The file
// system's root and relative paths are no homes. Root is put before every path
// that is looked at; it is empty outside of tests.
func Find(root string, wanted ...string) (string, error) {
	for _, dir := range wanted {
		if usable(root, dir) {
			return dir, nil
		}
	}
	parent, err := os.OpenRoot(root + temporary)
	if err != nil {
		return "", fmt.Errorf("making a home: %w", err)
	}
	defer parent.Close()
	name := "home-" + strconv.Itoa(os.Geteuid())
	attributes := folder.Attributes{Mode: 0o700, UID: -1, GID: -1}
	err = folder.Make(parent, name, attributes, furnish)
	if errors.Is(err, fs.ErrExist) {
		if private(parent, name) {
			return filepath.Join(temporary, name), nil
		}
		name += "-" + rand.Text()
		err = folder.Make(parent, name, attributes, furnish)
	}
	if err != nil {
		return "", fmt.Errorf("making a home: %w", err)
	}
	return filepath.Join(temporary, name), nil
}

// usable reports whether dir can be the home of this process.
func usable(root, dir string) bool {
	const write, enter = 2, 1
	if !filepath.IsAbs(dir) || filepath.Clean(dir) == "/" || syscall.Access(root+dir, write|enter) != nil {
		return false
	}
	info, err := os.Stat(root + dir)
	return err == nil && info.IsDir()
}

// private reports whether name is a folder that nobody else can write to.
func private(parent *os.Root, name string) bool {
	info, err := parent.Lstat(name)
	if err != nil || !info.IsDir() || info.Mode().Perm()&0o022 != 0 {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// LoginFiles are those of a home that a login bash looks for. It reads the first
// one alone.
func LoginFiles() []string { return []string{".bash_profile", ".bash_login", ".profile"} }

// Furnish writes the files of a home that holds no other, so that a login bash
// reads .bashrc. What a home with files lacks for that, set-up adds.
func Furnish(write func(name, content string) error) error {
	if err := write(".bashrc", Bashrc); err != nil {
		return err
	}
	return write(".profile", Profile)
}

// furnish is Furnish for a folder of this process's own.
func furnish(dir *os.Root) error {
	return Furnish(func(name, content string) error { return dir.WriteFile(name, []byte(content), 0o644) })
}
