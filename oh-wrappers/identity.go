package main

import (
	"fmt"
	"syscall"
)

// become gives the process the identity of u for good: all three user and
// group IDs and the supplementary groups. Nothing is changed where the process
// already is u and may not change it.
func (c *call) become(a *accounts, u account) error {
	if c.ids.euid != 0 {
		if c.ids.uid == u.uid {
			return nil
		}
		return fmt.Errorf("only root can become %s; use sudo", u.name)
	}
	if err := syscall.Setgroups(a.groupsOf(u)); err != nil {
		return fmt.Errorf("setting the groups of %s: %w", u.name, err)
	}
	if err := syscall.Setresgid(u.gid, u.gid, u.gid); err != nil {
		return fmt.Errorf("setting the group of %s: %w", u.name, err)
	}
	if err := syscall.Setresuid(u.uid, u.uid, u.uid); err != nil {
		return fmt.Errorf("becoming %s: %w", u.name, err)
	}
	return nil
}
