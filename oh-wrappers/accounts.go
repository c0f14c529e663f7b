package main

import "github.com/docker-openhands/docker-openhands/internal/account"

// readAccounts reads the local accounts; name services are not asked.
func (c *call) readAccounts() (*account.Accounts, error) { return account.Read(account.Dir(c.root)) }

// resolveUser finds a user by name or, failing that, by number, as chown(1)
// does. A number without an account is valid; its name is empty.
func resolveUser(a *account.Accounts, s string) (account.User, bool) {
	if u, ok := a.User(s); ok {
		return u, true
	}
	uid, err := account.ParseID(s)
	if err != nil {
		return account.User{}, false
	}
	if u, ok := a.UserOf(uid); ok {
		return u, true
	}
	return account.User{UID: uid, GID: unchanged}, true
}

// resolveGroup is resolveUser for groups.
func resolveGroup(a *account.Accounts, s string) (int, bool) {
	if g, ok := a.Group(s); ok {
		return g.GID, true
	}
	gid, err := account.ParseID(s)
	return gid, err == nil
}
