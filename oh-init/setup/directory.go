package setup

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/account"
	"github.com/docker-openhands/docker-openhands/internal/home"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// systemDirectories makes what every program takes for granted: also that
// everybody can enter the root directory, which archives of a private folder
// forbid, and which some engines obey.
func (s *stage) systemDirectories() error {
	root, _, err := s.lstat("/")
	if err != nil {
		return err
	}
	if root.Mode|0o555 != root.Mode {
		s.staged["/"] = Change{Path: "/", Mode: root.Mode | 0o555, UID: root.UID, GID: root.GID}
	}
	for _, dir := range []string{"/etc", "/home", "/run", "/var"} {
		if _, _, err := s.mkdir(dir, 0o755, 0, 0); err != nil {
			return err
		}
	}
	for _, dir := range []string{"/tmp", "/var/tmp"} {
		if err := s.amongOthers().temporary(dir); err != nil {
			return err
		}
	}
	return nil
}

// temporaryMode lets everybody write, and nobody take away what is another's.
const temporaryMode = fs.ModeSticky | 0o777

// temporary sees to it that dir is a folder for everybody's temporary files.
func (s *stage) temporary(dir string) error {
	resolved, _, err := s.mkdir(dir, temporaryMode, 0, 0)
	if err != nil {
		return err
	}
	e, _, err := s.lstat(resolved)
	if err != nil {
		return err
	}
	if e.Mode&temporaryMode != temporaryMode {
		s.staged[resolved] = Change{Path: resolved, Mode: e.Mode | temporaryMode, UID: e.UID, GID: e.GID}
	}
	return nil
}

// workspace makes a folder for the user's work. It belongs to group root, and
// what is made in it too, so that a container that runs as an arbitrary user ID
// in group 0 can write there.
func (s *stage) workspace(folder string, user account.User) error {
	resolved, e, ok, err := s.resolve(folder)
	switch {
	case err != nil:
		return err
	case !ok:
		return s.onBehalf(resolved).put(Change{Path: resolved, Mode: fs.ModeDir | fs.ModeSetgid | 0o775, UID: user.UID})
	case !e.Mode.IsDir():
		return obstacleError("%s is no directory", folder)
	}
	return nil
}

// project makes a folder of the workspace. What is in its place is the user's
// own, and left alone; so is a place outside of the workspace that a link leads
// to. An empty name is none.
func (s *stage) project(name string, user account.User) error {
	if name == "" {
		return nil
	}
	workspace, _, _, err := s.resolve(payload.Workspace)
	if err != nil {
		return err
	}
	resolved, _, ok, err := s.resolve(name)
	if err == nil && !ok && !below(resolved, workspace) {
		err = obstacleError("it leads to %s, outside of the workspace", resolved)
	}
	if err == nil {
		err = s.workspace(name, user)
	}
	var odd *obstacle
	if errors.As(err, &odd) {
		s.note("%s is left as it is: %v", name, odd)
		return nil
	}
	return err
}

// rootHome sees to the home of root, wherever the base has it.
func (s *stage) rootHome() error {
	root, ok, err := s.lookup("root")
	if err != nil || !ok {
		return err
	}
	return s.home(root, 0o700)
}

// homeMode is that of the user's home.
const homeMode = 0o755

// home makes an account's home folder from the skeleton, and sees to it that a
// login bash reads .bashrc there: OpenHands keeps environment variables in that
// file and expects each new session to have them.
//
// What is in the place of a home is left alone, and so are links in it together
// with what is behind them.
func (s *stage) home(a account.User, mode fs.FileMode) error {
	dir, e, ok, err := s.resolve(a.Home)
	var odd *obstacle
	switch {
	case err == nil && ok && !e.Mode.IsDir():
		s.note("the home of %s is left as it is: %s is no directory", a.Name, a.Home)
		return nil
	case errors.As(err, &odd):
		s.note("the home of %s is left as it is: %v", a.Name, odd)
		return nil
	case err != nil || dir == "/":
		return err
	case inPayload(dir):
		s.note("the home of %s is left as it is: %s is the payload's", a.Name, dir)
		return nil
	}
	s = s.onBehalf(dir)
	if !ok {
		if err := s.put(Change{Path: dir, Mode: fs.ModeDir | mode, UID: a.UID, GID: a.GID}); err != nil {
			return err
		}
		if err := s.copySkeleton(dir, a); err != nil {
			return err
		}
	}
	bashrc := path.Join(dir, ".bashrc")
	if _, ok, err := s.lstat(bashrc); err != nil {
		return err
	} else if !ok {
		if err := s.put(Change{Path: bashrc, Mode: 0o644, UID: a.UID, GID: a.GID, Content: []byte(home.Bashrc)}); err != nil {
			return err
		}
	}
	return s.readsBashrc(dir, a)
}

// readsBashrc changes the one file that a login bash reads in a home at the
// resolved path dir, unless that file has .bashrc read already. A large file
// stays as it is, and so does what is no regular file.
func (s *stage) readsBashrc(dir string, a account.User) error {
	for _, name := range home.LoginFiles() {
		file := path.Join(dir, name)
		e, ok, err := s.lstat(file)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if !e.Mode.IsRegular() || e.Size > MaxFile {
			return nil
		}
		content, err := s.content(file)
		if err != nil || strings.Contains(string(content), ".bashrc") {
			return err
		}
		text := endLine(string(content)) + home.ReadBashrc
		return s.put(Change{Path: file, Mode: e.Mode, UID: e.UID, GID: e.GID, Content: []byte(text)})
	}
	return s.put(Change{Path: path.Join(dir, ".profile"), Mode: 0o644, UID: a.UID, GID: a.GID, Content: []byte(home.Profile)})
}

// endLine returns text with a line feed at its end unless it is empty.
func endLine(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}
