package main

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/internal/account"
)

// become gives the process the identity of u for good: all three user and
// group IDs and the supplementary groups. Nothing is changed where the process
// already is u and may not change it.
func (c *call) become(a *account.Accounts, u account.User) error {
	if c.ids.euid != 0 {
		if c.ids.uid == u.UID {
			return nil
		}
		return fmt.Errorf("only root can become %s; use sudo", u.Name)
	}
	err := syscall.Setgroups(a.GroupsOf(u))
	if errors.Is(err, syscall.EPERM) && c.ids == (ids{u.UID, u.UID, u.GID, u.GID}) {
		return nil
	}
	if err == nil {
		err = syscall.Setresgid(u.GID, u.GID, u.GID)
	}
	if err == nil {
		err = syscall.Setresuid(u.UID, u.UID, u.UID)
	}
	if errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("becoming %s: the container lacks the capabilities SETGID and SETUID", u.Name)
	}
	if err != nil {
		return fmt.Errorf("becoming %s: %w", u.Name, err)
	}
	return nil
}

// canChange reports whether the process may become any user.
func canChange() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData // of the capabilities from 0, and of those from 32
	const needed = 1<<unix.CAP_SETGID | 1<<unix.CAP_SETUID
	return unix.Capget(&header, &sets[0]) == nil && sets[0].Effective&needed == needed
}
