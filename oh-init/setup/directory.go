package setup

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/home"
)

// systemDirectories makes what every program takes for granted.
func (s *stage) systemDirectories() error {
	for _, dir := range []string{"/etc", "/home", "/run", "/var"} {
		if _, _, err := s.mkdir(dir, 0o755, 0, 0); err != nil {
			return err
		}
	}
	for _, dir := range []string{"/tmp", "/var/tmp"} {
		if err := s.temporary(dir); err != nil {
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
func (s *stage) workspace(folder string, user account) error {
	_, _, err := s.mkdir(folder, fs.ModeSetgid|0o775, user.uid, 0)
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

const skeleton = "/etc/skel"

// homeMode is that of the user's home.
const homeMode = 0o755

// home makes an account's home folder from the skeleton, and sees to it that a
// login bash reads .bashrc there: OpenHands keeps environment variables in that
// file and expects each new session to have them.
func (s *stage) home(a account, mode fs.FileMode) error {
	if a.home == "/" {
		return nil
	}
	dir, made, err := s.mkdir(a.home, mode, a.uid, a.gid)
	if err != nil {
		return err
	}
	if made {
		if err := s.copyTree(skeleton, dir, a); err != nil {
			return err
		}
	}
	if _, _, ok, err := s.resolve(path.Join(a.home, ".bashrc")); err != nil {
		return err
	} else if !ok {
		if err := s.write(path.Join(a.home, ".bashrc"), home.Bashrc, 0o644, a.uid, a.gid); err != nil {
			return err
		}
	}
	return s.readsBashrc(a)
}

// readsBashrc changes the one file that a login bash reads in a.home, unless
// that file has .bashrc read already.
func (s *stage) readsBashrc(a account) error {
	for _, name := range home.LoginFiles() {
		file := path.Join(a.home, name)
		_, e, ok, err := s.resolve(file)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if e.Mode&fs.ModeSymlink != 0 {
			return nil // not followed: what it leads to is not for this to change
		}
		content, _, _, err := s.read(file)
		if err != nil {
			return err
		}
		if strings.Contains(string(content), ".bashrc") {
			return nil
		}
		return s.write(file, endLine(string(content))+home.ReadBashrc, 0o644, a.uid, a.gid)
	}
	return s.write(path.Join(a.home, ".profile"), home.Profile, 0o644, a.uid, a.gid)
}

// copyTree copies what is in the directory from, if there is one, into the new
// directory to, for owner. Links are copied as they are.
func (s *stage) copyTree(from, to string, owner account) error {
	dir, e, ok, err := s.resolve(from)
	if err != nil || !ok || !e.Mode.IsDir() {
		return err
	}
	names, err := s.root.ReadDir(dir)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		source, target := path.Join(dir, name), path.Join(to, name)
		e, _, err := s.lstat(source)
		if err != nil {
			return err
		}
		switch e.Mode.Type() {
		case 0:
			var content []byte
			if content, _, _, err = s.read(source); err == nil {
				err = s.write(target, string(content), e.Mode, owner.uid, owner.gid)
			}
		case fs.ModeSymlink:
			err = s.put(Change{Path: target, Mode: e.Mode, UID: owner.uid, GID: owner.gid, Target: e.Target})
		case fs.ModeDir:
			if _, _, err = s.mkdir(target, e.Mode&^fs.ModeDir, owner.uid, owner.gid); err == nil {
				err = s.copyTree(source, target, owner)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// endLine returns text with a line feed at its end unless it is empty.
func endLine(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}
