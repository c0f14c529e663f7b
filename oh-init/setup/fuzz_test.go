//go:build linux

package setup

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// fakeRoot is a root file system in memory.
type fakeRoot map[string]Change

func newFakeRoot(t tree) fakeRoot {
	root := fakeRoot{"/": dir("/", 0o755)}
	for _, c := range t {
		root.put(c)
	}
	return root
}

// put replaces what is at a path, and makes the directories that lead there.
func (f fakeRoot) put(c Change) {
	for parent := path.Dir(c.Path); parent != "/"; parent = path.Dir(parent) {
		if _, there := f[parent]; !there {
			f[parent] = dir(parent, 0o755)
		}
	}
	f[c.Path] = c
}

func (f fakeRoot) Lstat(name string) (Entry, error) {
	c, ok := f[name]
	if !ok {
		return Entry{}, fs.ErrNotExist
	}
	return Entry{Mode: c.Mode, UID: c.UID, GID: c.GID, Size: int64(len(c.Content)), Target: c.Target}, nil
}

func (f fakeRoot) ReadFile(name string) ([]byte, error) { return f[name].Content, nil }

func (f fakeRoot) Program(name string) (Program, error) { return Recognize(f[name].Content), nil }

func (f fakeRoot) ReadDir(name string) (names []string, err error) {
	for other := range f {
		if other != "/" && path.Dir(other) == name {
			names = append(names, path.Base(other))
		}
	}
	return names, nil
}

// Whatever is in the files that are parsed, and wherever the user's files lead:
// set-up ends, and what it changes is what it may change. Lines of the base stay,
// nothing is given to a user outside of home and workspace, and there is nothing
// left to do afterwards.
func FuzzPlan(f *testing.F) {
	const sudoers = "root ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n"
	f.Add(debianPasswd, debianGroup, "root:*:20000:0:99999:7:::\n", sudoers, "%sudo ALL=(ALL) ALL\n", "", "/etc/shadow", true)
	f.Add("openhands:x:1000:1000::/home/openhands:/bin/sh", "+:::\nopenhands:x:5:", "", sudoers+"Defaults requiretty", "Defaults noexec", ". ~/.bashrc", "../../etc/cron.d/x", false)
	f.Add("root:x:0:0::/etc/link:\nopenhands::1:1::/srv/own/link/x:", "sudo:x:27:a,b\r\n", "\n\n", "#1000 ALL=ALL \\", "\\", "x", ".profile", true)
	f.Add("openhands:x:4294967294:4294967295::/tmp/..//workspace:", "openhands:x:4294967294:\nsudo:x:27", ":::", "", "#include x", "", "/", true)
	f.Add("openhands:x:0:0::/:", "root::", "openhands", "@includedir /etc/sudoers.d \\\n", "", "", "/home/openhands", true)
	f.Fuzz(func(t *testing.T, passwd, group, shadow, sudoers, rule, profile, target string, own bool) {
		root := newFakeRoot(with(debian(passwd, group),
			file("/etc/shadow", shadow, 0o640, 0, 42), file("/etc/sudoers", sudoers, 0o440), file("/etc/sudoers.d/rule", rule, 0o440),
			dir("/home/openhands", 0o755, 1000, 1000), file("/home/openhands/.bash_login", profile, 0o644, 1000, 1000),
			ownedLink("/home/openhands/.bashrc", target), dir("/srv/own", 0o755, 1000, 1000), ownedLink("/srv/own/link", target),
			dir("/workspace", 0o775, 1000, 0), ownedLink("/workspace/project", target)))
		if own {
			root.put(file("/usr/bin/sudo", "real", fs.ModeSetuid|0o755))
		}
		before := maps.Clone(root)
		start := time.Now()
		options := Options{Sudo: true, Server: payload.AgentServer, Arch: "amd64"}
		changes, _, err := Plan(root, options)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("took %v", took)
		}
		var odd *obstacle
		if err != nil && !errors.As(err, &odd) {
			t.Errorf("%v is no word about the base", err)
		}
		if err != nil {
			return
		}
		homes := []string{"/workspace", "/home/openhands", "/home/root", "/root"}
		if a, ok, err := newStage(root).lookup("openhands"); err == nil && ok {
			homes = append(homes, a.Home)
		}
		if a, ok, err := newStage(root).lookup("root"); err == nil && ok {
			homes = append(homes, a.Home)
		}
		for _, c := range changes {
			old, existed := before[c.Path]
			inHome := slices.ContainsFunc(homes, func(home string) bool {
				resolved, _, _, err := newStage(root).amongOthers().resolve(home)
				return err == nil && (c.Path == resolved || below(c.Path, resolved))
			})
			switch {
			case (c.UID != old.UID || c.GID != old.GID) && !inHome:
				t.Errorf("%s is given to %d:%d", c.Path, c.UID, c.GID)
			case existed && old.Mode.Type() != c.Mode.Type():
				t.Errorf("%s becomes %v", c.Path, c.Mode)
			case existed && c.Mode.IsRegular() && c.Path != loginPathFile && !keepsLines(old.Content, c.Content, c.Path):
				t.Errorf("%s was\n%s\nand is\n%s", c.Path, old.Content, c.Content)
			}
			root.put(c)
		}
		again, _, err := Plan(root, options)
		if err != nil || len(again) > 0 {
			t.Errorf("%v; set-up of what is set up already:\n%s", err, describe(again))
		}
	})
}

// keepsLines reports whether all lines of a file are there still, in their
// order. The line of the group sudo gets a member more.
func keepsLines(old, now []byte, name string) bool {
	rest := bytes.SplitAfter(endOf(now), []byte("\n"))
	for line := range bytes.Lines(endOf(old)) {
		i := slices.IndexFunc(rest, func(l []byte) bool {
			text := strings.TrimSuffix(string(line), "\n")
			return bytes.Equal(l, line) || strings.HasPrefix(name, "/etc/g") && strings.HasPrefix(text, "sudo:") && strings.HasPrefix(string(l), "sudo:")
		})
		if i < 0 {
			return false
		}
		rest = rest[i+1:]
	}
	return true
}

func endOf(text []byte) []byte { return []byte(endLine(string(text))) }
