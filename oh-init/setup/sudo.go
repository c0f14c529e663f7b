package setup

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

const (
	sudoersFile = "/etc/sudoers"
	sudoersDir  = "/etc/sudoers.d"
	sudoRule    = sudoersDir + "/zz-openhands"
)

// includesSudoersDir matches both spellings of the directive; # does not start
// a comment in the second.
var includesSudoersDir = regexp.MustCompile(`(?m)^\s*[@#]includedir\s+"?` + regexp.QuoteMeta(sudoersDir) + `/?"?\s*$`)

// sudoersDirective matches a line that starts like a comment and is none: a
// user ID or an include.
var sudoersDirective = regexp.MustCompile(`^#(-?[0-9]|include)`)

// sudo lets user become root without a password: a rule for the base's own
// sudo, or a stub that starts the payload's, which reads the same rule.
func (s *stage) sudo(user string, o Options) error {
	program, err := s.which("sudo", o.Path)
	if err != nil {
		return err
	}
	ours, err := s.isStub(program, o.Arch)
	if err != nil {
		return err
	}
	if err := s.permit(user, program != "" && !ours, o.Tools); err != nil || program != "" {
		return err
	}
	stub, err := Stub(o.Arch, payload.Sudo)
	if err != nil {
		return err
	}
	if _, _, ok, err := s.resolve(payload.SudoStub); err != nil {
		return err
	} else if ok {
		return obstacleError("%s is no program", payload.SudoStub)
	}
	return s.write(payload.SudoStub, string(stub), stubMode, 0, 0)
}

// isStub reports whether a program of the base is the stub of an earlier set-up.
func (s *stage) isStub(program, arch string) (bool, error) {
	stub, err := Stub(arch, payload.Sudo)
	if err != nil || program == "" {
		return false, nil
	}
	if _, e, _, err := s.resolve(program); err != nil || e.Size != int64(len(stub)) {
		return false, err
	}
	content, _, err := s.read(program)
	return bytes.Equal(content, stub), err
}

// permit adds the rule for user where it counts: the last rule that concerns a
// user decides, and so does the last setting, see sudoers(5). It is a file in
// sudoersDir where nothing is read after that, else it stands at the end of
// sudoersFile. A sudo of the base's own gets a sudoersFile where it has none.
// Without one, the payload's reads sudoersDir; a file that a package is yet to
// bring would keep that from being installed.
func (s *stage) permit(user string, own bool, tools payload.Tools) error {
	main, exists, err := s.read(sudoersFile)
	if err != nil {
		return err
	}
	text := string(main)
	if !exists && own {
		text = "root ALL=(ALL:ALL) ALL\n#includedir " + sudoersDir + "\n"
		if err := s.write(sudoersFile, text, 0o440, 0, 0); err != nil {
			return err
		}
	}
	others, dirIsLast, err := s.sudoersOfBase()
	if err != nil {
		return err
	}
	rule := sudoersRule(user, own, tools, append(others, text))
	switch {
	case strings.HasSuffix(text, "\n"+rule):
		return nil
	case dirIsLast && (!exists && !own || includeIsLast(text)):
		return s.replace(sudoRule, rule, 0o440)
	}
	text = endLine(text)
	if strings.HasSuffix(text, "\\\n") {
		text += "\n" // else the rule went on with the line before it
	}
	return s.write(sudoersFile, text+"# OpenHands' user. It stands last because the last rule counts.\n"+rule, 0o440, 0, 0)
}

// sudoersOfBase returns the texts in sudoersDir, and whether a rule in sudoRule
// is read after all of them: sudo takes the files in the order of their bytes,
// passes over names with a dot or a tilde at the end, and over a folder that
// others can write to.
func (s *stage) sudoersOfBase() (texts []string, ruleIsLast bool, err error) {
	dir, e, ok, err := s.resolve(sudoersDir)
	switch {
	case err != nil:
		return nil, false, err
	case !ok:
		return nil, true, nil
	case !e.Mode.IsDir():
		return nil, false, obstacleError("%s is no directory", sudoersDir)
	}
	names, err := s.root.ReadDir(dir)
	if err != nil {
		return nil, false, fmt.Errorf("listing %s: %w", sudoersDir, err)
	}
	ruleIsLast = e.UID == 0 && e.Mode.Perm()&0o022 == 0
	for _, name := range names {
		if name == path.Base(sudoRule) || strings.Contains(name, ".") || strings.HasSuffix(name, "~") {
			continue
		}
		ruleIsLast = ruleIsLast && name < path.Base(sudoRule)
		file, e, ok, err := s.resolve(path.Join(dir, name))
		if err != nil {
			return nil, false, err
		}
		if !ok || !e.Mode.IsRegular() || e.Size > MaxFile {
			continue
		}
		text, err := s.content(file)
		if err != nil {
			return nil, false, err
		}
		texts = append(texts, string(text))
	}
	return texts, ruleIsLast, nil
}

// includeIsLast reports whether the text of sudoersFile has nothing that counts
// behind the directive that includes sudoersDir.
func includeIsLast(text string) bool {
	all := includesSudoersDir.FindAllStringIndex(text, -1)
	if all == nil {
		return false
	}
	last := all[len(all)-1]
	if strings.HasSuffix(text[:last[0]], "\\\n") {
		return false // part of the line before it
	}
	for line := range strings.Lines(text[last[1]:]) {
		line = strings.TrimSpace(line)
		if line != "" && (line[0] != '#' || sudoersDirective.MatchString(line)) {
			return false
		}
	}
	return true
}

// sudoSettings are settings that keep a command from running as root, or in
// time, although a rule permits it, and what undoes each of them.
var sudoSettings = []struct{ name, undone string }{
	{"requiretty", "!requiretty"},
	{"noexec", "!noexec"},
	{"runas_default", "runas_default=root"},
	{"command_timeout", "!command_timeout"},
	{"runchroot", "!runchroot"},
	{"runcwd", "!runcwd"},
	{"intercept", "!intercept"},
}

// sudoersRule is the rule with the settings that it needs beside those in texts.
// Sudo replaces the caller's PATH by one that may lack the payload. With
// verifypw, "sudo -v" asks for no password where another rule wants one. Versions
// of sudo warn of settings that they do not know, so only those are undone that
// the base has.
func sudoersRule(user string, own bool, tools payload.Tools, texts []string) string {
	rule := fmt.Sprintf("%s ALL=(ALL:ALL) NOPASSWD:ALL\nDefaults:%[1]s secure_path=\"%s\"\n", user, tools.Path(""))
	if own {
		rule += "Defaults:" + user + " verifypw=any\n"
	}
	for _, setting := range sudoSettings {
		for _, text := range texts {
			if strings.Contains(text, setting.name) {
				rule += "Defaults:" + user + " " + setting.undone + "\n"
				break
			}
		}
	}
	return rule
}
