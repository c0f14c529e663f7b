package setup

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

const (
	sudoersFile = "/etc/sudoers"
	sudoersDir  = "/etc/sudoers.d"
	sudoRule    = sudoersDir + "/openhands"
	sudoStub    = "/usr/bin/sudo"
)

// Both spellings of the directive; # does not start a comment in the second.
var includesSudoersDir = regexp.MustCompile(`(?m)^\s*[@#]includedir\s+"?` + regexp.QuoteMeta(sudoersDir) + `/?"?\s*$`)

// sudo lets user become root without a password: a rule for the base's own
// sudo, or a stub that starts the payload's, which reads the same rule.
//
// The rule also names the PATH, for sudo replaces the caller's by one that may
// lack the payload.
func (s *stage) sudo(user, arch string) error {
	rule := fmt.Sprintf("%s ALL=(ALL:ALL) NOPASSWD:ALL\nDefaults:%[1]s secure_path=\"%s\"\n", user, payload.Path(""))
	if err := s.replace(sudoRule, rule, 0o440); err != nil {
		return err
	}
	program, err := s.which("sudo")
	if err != nil {
		return err
	}
	stub, stubErr := Stub(arch, SudoProgram)
	if program == "" {
		if stubErr != nil {
			return stubErr
		}
		return s.write(sudoStub, string(stub), stubMode, 0, 0)
	}
	if resolved, e, ok, err := s.resolve(program); err != nil || ok && e.Size == int64(len(stub)) {
		if err != nil {
			return err
		}
		content, _, _, err := s.read(resolved)
		if err != nil || slices.Equal(content, stub) {
			return err
		}
	}
	content, _, _, err := s.read(sudoersFile)
	if err != nil || includesSudoersDir.Match(content) {
		return err
	}
	text := endLine(string(content))
	if text == "" {
		text = "root ALL=(ALL:ALL) ALL\n"
	}
	return s.write(sudoersFile, text+"#includedir "+sudoersDir+"\n", 0o440, 0, 0)
}

// replace writes a file unless it has that content.
func (s *stage) replace(name, content string, mode fs.FileMode) error {
	old, _, ok, err := s.read(name)
	if err != nil || ok && string(old) == content {
		return err
	}
	return s.write(name, content, mode, 0, 0)
}
