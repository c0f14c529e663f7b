// Package setup decides what a base image lacks to host the payload: an
// account, its home, a shell at /bin/bash, a writable /tmp, root certificates,
// sudo. Plan is a pure function from a view of a root file system to a list of
// changes, so that a layer made from a base's tar streams and a RUN instruction
// in a Dockerfile come to the same result. Restore makes the part of it anew
// that a container can lack at its start.
//
// What is there stays as it is, but for lines that are added to files of the
// base. A second Plan over the result of the first is empty.
package setup

import (
	"fmt"
	"io/fs"
	"regexp"

	"github.com/docker-openhands/docker-openhands/internal/account"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// Options says for whom a root file system is set up. The zero value means
// the payload's default account without sudo.
type Options struct {
	User string // account name; empty: payload.User
	UID  int    // wanted user ID; 0: payload.DefaultID
	GID  int    // wanted group ID; 0: UID
	// Tools says whose programs come first in login shells and behind sudo.
	Tools payload.Tools
	Sudo  bool // the account may become root without a password
	// Server is the profile whose clients the image is for, see payload.Server.
	// Its project folder is made because an engine that has to make a working
	// directory makes it for root.
	Server string
	Arch   string // amd64 or arm64 (GOARCH)
	Path   string // PATH of the base's environment; empty: payload.SystemPath
}

// accountName is what shadow-utils accepts in its default configuration. It
// also keeps separators of passwd and sudoers out of both files.
var accountName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

func (o Options) withDefaults() (Options, error) {
	if o.User == "" {
		o.User = payload.User
	}
	if !accountName.MatchString(o.User) {
		return o, fmt.Errorf("user name %q: want a lower-case letter or _, then at most 31 of a-z 0-9 _ -", o.User)
	}
	if o.UID == 0 {
		o.UID = payload.DefaultID
	}
	if o.GID == 0 {
		o.GID = o.UID
	}
	if o.UID < 0 || o.GID < 0 || o.UID > account.MaxID || o.GID > account.MaxID {
		return o, fmt.Errorf("user and group ID must be positive, and no larger than %d", account.MaxID)
	}
	return o, nil
}

// Change is one path of the set-up layer in its final state: never an addition
// to what the base has.
type Change struct {
	Path    string      // absolute and free of symbolic links of the base, apart from its last element when Mode is a link
	Mode    fs.FileMode // permissions, setuid, setgid, sticky; type 0, ModeDir or ModeSymlink
	UID     int
	GID     int
	Content []byte // of a regular file
	Target  string // of a symbolic link
}

// Plan returns what root lacks, sorted by path, each directory before what
// is in it. The notes say what could not be made and is done without, a sentence
// each; an error says why there can be no set-up at all, and is about the root
// file system unless the View or the options are to blame.
//
// Directories that lead to a change are part of the result, with the mode and
// owner that they have in the base: a layer's entry for a directory replaces
// the base's, and an engine that unpacks a layer without such an entry makes
// the directory up.
//
// In homes, the workspace and folders for temporary files, which other users can
// write to, no link is followed that one of them can have made.
func Plan(root View, o Options) (changes []Change, notes []string, err error) {
	o, err = o.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	s, server := newStage(root), payload.ServerNamed(o.Server)
	others := s.amongOthers()
	var user account.User
	for _, step := range []func() error{
		s.systemDirectories,
		func() (err error) { user, err = s.accounts(o); return err },
		func() error { return s.programs(o.Path, o.Arch) },
		func() error { return s.loginPath(o.Tools) },
		s.certificates,
		func() error { return others.home(user, homeMode) },
		func() error { return others.workspace(payload.Workspace, user) },
		func() error { return others.project(server.Project, user) },
		func() error { return s.entrances(server.Entrances) },
		others.rootHome,
		func() error {
			if !o.Sudo {
				return nil
			}
			return s.sudo(user.Name, o)
		},
	} {
		if err := step(); err != nil {
			return nil, nil, err
		}
	}
	changes, err = s.changes()
	return changes, *s.notes, err
}
