package setup

import (
	"bytes"
	"fmt"
	"regexp"

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
	ours, err := s.isStub(program, arch)
	switch {
	case err != nil || ours:
		return err
	case program != "":
		return s.includeSudoRules()
	}
	stub, err := Stub(arch, payload.Sudo)
	if err != nil {
		return err
	}
	return s.write(sudoStub, string(stub), stubMode, 0, 0)
}

// isStub tells whether a program of the base is the stub of an earlier set-up.
func (s *stage) isStub(program, arch string) (bool, error) {
	stub, err := Stub(arch, payload.Sudo)
	if err != nil || program == "" {
		return false, nil
	}
	if _, e, _, err := s.resolve(program); err != nil || e.Size != int64(len(stub)) {
		return false, err
	}
	content, _, _, err := s.read(program)
	return bytes.Equal(content, stub), err
}

// includeSudoRules has the base's sudo read sudoersDir, as nearly all do. The
// older spelling of the directive is understood by every version.
func (s *stage) includeSudoRules() error {
	content, _, ok, err := s.read(sudoersFile)
	if err != nil || includesSudoersDir.Match(content) {
		return err
	}
	if !ok {
		content = []byte("root ALL=(ALL:ALL) ALL\n")
	}
	return s.write(sudoersFile, endLine(string(content))+"#includedir "+sudoersDir+"\n", 0o440, 0, 0)
}
