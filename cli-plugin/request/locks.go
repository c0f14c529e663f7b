package request

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker-openhands/docker-openhands/cli-plugin/pins"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/cli-plugin/settings"
	"github.com/docker-openhands/docker-openhands/templates"
)

// ownLocks is the folder of the user's own locks of a server's releases. They are
// no cache: what they lock is not found out again.
func ownLocks(server string) (string, error) {
	own, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("finding the folder of configurations: %w", err)
	}
	return filepath.Join(own, "docker-openhands", templates.LocksFolder, server), nil
}

// addOwnLocks puts the user's own locks into the components. Without a folder of
// configurations there are none.
func addOwnLocks(all []templates.Component) ([]templates.Component, error) {
	for _, server := range templates.Servers(all) {
		folder, err := ownLocks(server)
		if err != nil {
			return all, nil
		}
		if all, err = templates.AddLocks(all, server, os.DirFS(folder)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Lock makes the user's own lock of a release of a server, or makes it anew, below
// work. What it returns is not yet written.
func Lock(ctx context.Context, server, version, work string) (pins.File, error) {
	all, err := templates.Components()
	if err != nil {
		return pins.File{}, err
	}
	c, first, ok := templates.Locked(all, server)
	switch {
	case !ok:
		return pins.File{}, problem.Usagef("--server is %q, whose releases have no locks; those of %s have", server, strings.Join(lockedServers(all), ", "))
	case templates.CompareReleases(version, first) < 0:
		return pins.File{}, problem.New(problem.Usage, fmt.Sprintf("release %s of the server %s does not work in a payload: %s is the first that does", version, server, first), nil,
			"Name a newer release")
	}
	locks, err := ownLocks(server)
	if err != nil {
		return pins.File{}, err
	}
	folder := filepath.Join(work, c.Name)
	for name, text := range c.Files {
		if err := settings.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			return pins.File{}, err
		}
	}
	return pins.Release(ctx, folder, locks, version, work)
}

// lockedServers are the servers whose releases have locks.
func lockedServers(all []templates.Component) (servers []string) {
	for _, server := range templates.Servers(all) {
		if _, _, ok := templates.Locked(all, server); ok {
			servers = append(servers, server)
		}
	}
	return servers
}
