package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// stage is a root file system with changes laid over it.
type stage struct {
	root   View
	staged map[string]Change // by Path
	notes  *[]string         // what was left alone, a sentence each
	// shared is for work in the folders of other users: a link that one of them
	// can have made is not followed.
	shared bool
	// live is for a root file system that other users are at work in meanwhile:
	// a file that one of them can have made is not read.
	live bool
	// behalf is the resolved folder of the user on whose behalf changes are
	// made; empty while they are made for root.
	behalf string
}

func newStage(root View) *stage {
	return &stage{root: root, staged: make(map[string]Change), notes: new([]string)}
}

// amongOthers returns the same stage for work in the folders of other users.
func (s *stage) amongOthers() *stage {
	shared := *s
	shared.shared = true
	return &shared
}

// onBehalf returns the same stage for changes at the resolved path folder and
// below it.
func (s *stage) onBehalf(folder string) *stage {
	theirs := *s
	theirs.behalf = folder
	return &theirs
}

// note keeps a sentence for people.
func (s *stage) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(*s.notes, text) {
		*s.notes = append(*s.notes, text)
	}
}

// obstacle is what the root file system has where set-up needs something else.
type obstacle struct{ text string }

func (o *obstacle) Error() string { return o.text }

func obstacleError(format string, args ...any) error {
	return &obstacle{fmt.Sprintf(format, args...)}
}

// lstat describes a resolved path; ok reports whether there is one. The payload is
// not seen: it is no part of the base, and not every view has it.
func (s *stage) lstat(name string) (e Entry, ok bool, err error) {
	if c, ok := s.staged[name]; ok {
		return Entry{Mode: c.Mode, UID: c.UID, GID: c.GID, Size: int64(len(c.Content)), Target: c.Target}, true, nil
	}
	if inPayload(name) {
		return Entry{}, false, nil
	}
	e, err = s.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, false, nil
	}
	if err != nil {
		return Entry{}, false, fmt.Errorf("reading the metadata of %s: %w", name, err)
	}
	return e, true, nil
}

// inPayload reports whether a resolved path is the payload's.
func inPayload(name string) bool { return name == payload.Prefix || below(name, payload.Prefix) }

// The kernel's limits for one path, see path_resolution(7): how many links are
// followed, and the size in bytes of the longest name in it.
const (
	maxLinks = 40
	maxName  = 255
)

// resolve follows the links of name, inside the root. What does not exist, at
// the end of name or behind a link, is part of the resolved path all the same.
func (s *stage) resolve(name string) (resolved string, e Entry, ok bool, err error) {
	resolved, rest := "/", strings.Split(path.Clean(name), "/")
	e, ok = Entry{Mode: fs.ModeDir}, true
	for links := 0; len(rest) > 0; {
		element := rest[0]
		rest = rest[1:]
		switch element {
		case "", ".":
			continue
		case "..":
			resolved, e.Mode, ok = path.Dir(resolved), fs.ModeDir, true
			continue
		}
		if ok && !e.Mode.IsDir() {
			return "", Entry{}, false, obstacleError("%s: %s is no directory", name, resolved)
		}
		if len(element) > maxName {
			return "", Entry{}, false, obstacleError("%.40s… has a name of %d bytes, more than the %d that a file's can have", name, len(element), maxName)
		}
		next := path.Join(resolved, element)
		if e, ok, err = s.lstat(next); err != nil {
			return "", Entry{}, false, err
		}
		follow := ok && e.Mode&fs.ModeSymlink != 0
		if follow && s.shared {
			if follow, err = s.rootsAlone(resolved); err != nil {
				return "", Entry{}, false, err
			}
		}
		if !follow {
			resolved = next
			continue
		}
		if links++; links > maxLinks {
			return "", Entry{}, false, obstacleError("%s: too many symbolic links, the last one at %s", name, next)
		}
		if path.IsAbs(e.Target) {
			resolved = "/"
		}
		rest = append(strings.Split(e.Target, "/"), rest...)
		e, ok = Entry{Mode: fs.ModeDir}, true
	}
	e, ok, err = s.lstat(resolved)
	return resolved, e, ok, err
}

// rootsAlone reports whether nobody but root can change what is at the resolved
// path dir or in it. In a folder that others can write to, a folder of root's is
// safe where the sticky bit keeps it in its place. The root directory does not
// count: whoever can write to it is as good as root.
func (s *stage) rootsAlone(dir string) (bool, error) {
	held := false // by a folder of root's in it
	for ; dir != "/"; dir = path.Dir(dir) {
		e, ok, err := s.lstat(dir)
		if err != nil {
			return false, err
		}
		if !ok {
			continue
		}
		if e.UID != 0 || e.Mode.Perm()&0o022 != 0 && !(held && e.Mode&fs.ModeSticky != 0) {
			return false, nil
		}
		held = true
	}
	return true, nil
}

// read returns the content of the file that name leads to; ok reports whether
// there is one.
func (s *stage) read(name string) (content []byte, ok bool, err error) {
	resolved, e, ok, err := s.resolve(name)
	if err != nil || !ok {
		return nil, false, err
	}
	if !e.Mode.IsRegular() {
		return nil, false, obstacleError("%s is not a regular file", name)
	}
	if e.Size > MaxFile {
		return nil, false, obstacleError("%s has %d bytes, more than the %d that set-up reads", name, e.Size, MaxFile)
	}
	content, err = s.content(resolved)
	return content, err == nil, err
}

// content returns what is in the regular file at a resolved path.
func (s *stage) content(resolved string) ([]byte, error) {
	if c, ok := s.staged[resolved]; ok {
		return c.Content, nil
	}
	if s.live {
		if alone, err := s.rootsAlone(path.Dir(resolved)); err != nil {
			return nil, err
		} else if !alone {
			return nil, obstacleError("%s can be another user's work", resolved)
		}
	}
	content, err := s.root.ReadFile(resolved)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", resolved, err)
	}
	return content, nil
}

// mkdir makes the directory name if there is none, and those that lead to it
// as 0755 root:root. It returns the resolved path and whether it is new.
func (s *stage) mkdir(name string, mode fs.FileMode, uid, gid int) (resolved string, made bool, err error) {
	resolved, e, ok, err := s.resolve(name)
	switch {
	case err != nil:
		return "", false, err
	case ok && !e.Mode.IsDir():
		return "", false, obstacleError("%s is no directory", name)
	case ok:
		return resolved, false, nil
	}
	return resolved, true, s.put(Change{Path: resolved, Mode: fs.ModeDir | mode, UID: uid, GID: gid})
}

// write gives the file that name leads to a new content; where there is one
// already it keeps its mode and owner.
func (s *stage) write(name, content string, mode fs.FileMode, uid, gid int) error {
	resolved, e, ok, err := s.resolve(name)
	if err != nil {
		return err
	}
	if ok {
		if !e.Mode.IsRegular() {
			return obstacleError("%s is not a regular file", name)
		}
		mode, uid, gid = e.Mode, e.UID, e.GID
	}
	if len(content) > MaxFile {
		return obstacleError("%s has no room for what set-up adds: it would have %d bytes, more than the %d that set-up reads", name, len(content), MaxFile)
	}
	return s.put(Change{Path: resolved, Mode: mode, UID: uid, GID: gid, Content: []byte(content)})
}

// replace gives a file of ours its content unless it has it already.
func (s *stage) replace(name, content string, mode fs.FileMode) error {
	old, ok, err := s.read(name)
	if err != nil || ok && string(old) == content {
		return err
	}
	return s.write(name, content, mode, 0, 0)
}

// symlink puts a link at name, replacing what is there. A link that is there
// already stays even if it dangles: the payload need not be part of the view.
func (s *stage) symlink(name, target string) error {
	dir, _, _, err := s.resolve(path.Dir(name))
	if err != nil {
		return err
	}
	resolved := path.Join(dir, path.Base(name))
	if e, ok, err := s.lstat(resolved); err != nil || ok && e.Target == target {
		return err
	}
	return s.put(Change{Path: resolved, Mode: fs.ModeSymlink | 0o777, Target: target})
}

// put stages c, whose path is resolved, and makes the directories that lead
// there.
func (s *stage) put(c Change) error {
	if err := s.guard(c); err != nil {
		return err
	}
	if _, _, err := s.mkdir(path.Dir(c.Path), 0o755, 0, 0); err != nil {
		return err
	}
	s.staged[c.Path] = c
	return nil
}

// guard is the last line of defence against links that lead elsewhere. Nothing
// changes in the payload, over which the set-up layer lies. On behalf of a user
// nothing changes outside of that user's folder but for directories of root's
// that lead there. For root nothing is given to anybody else.
func (s *stage) guard(c Change) error {
	if inPayload(c.Path) {
		return obstacleError("a link leads set-up to %s, which is the payload's", c.Path)
	}
	if s.behalf != "" && (c.Path == s.behalf || below(c.Path, s.behalf)) {
		return nil
	}
	old, there, err := s.lstat(c.Path)
	switch leads := c.Mode.IsDir() && below(s.behalf, c.Path); {
	case err != nil:
		return err
	case s.behalf != "" && (there || !leads):
		return obstacleError("%s was to be changed on behalf of the owner of %s", c.Path, s.behalf)
	case c.UID != 0 && c.UID != old.UID || c.GID != 0 && c.GID != old.GID:
		return obstacleError("%s was to be given to user %d and group %d", c.Path, c.UID, c.GID)
	}
	return nil
}

// below reports whether name is a path inside of folder.
func below(name, folder string) bool { return strings.HasPrefix(name, folder+"/") }

// changes returns what is staged, sorted, with the directories that lead there.
func (s *stage) changes() ([]Change, error) {
	all := maps.Clone(s.staged)
	for name := range s.staged {
		for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
			if _, ok := all[dir]; ok {
				break
			}
			e, _, err := s.lstat(dir)
			if err != nil {
				return nil, err
			}
			all[dir] = Change{Path: dir, Mode: e.Mode, UID: e.UID, GID: e.GID}
		}
	}
	return sorted(all), nil
}

func sorted(changes map[string]Change) []Change {
	return slices.SortedFunc(maps.Values(changes), func(a, b Change) int {
		return strings.Compare(a.Path, b.Path)
	})
}
