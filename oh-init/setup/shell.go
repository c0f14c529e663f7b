package setup

import (
	"path"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

const (
	profileFile   = "/etc/profile"
	loginPathFile = "/etc/profile.d/zz-openhands.sh"
)

// loginPathScript does in a shell what payload.Path does in Go, without any command
// of the base.
const loginPathScript = `# Keeps the payload at both ends of PATH after a login shell has set it anew.
oh_path=:${PATH:-` + payload.SystemPath + `}:
for oh_dir in ` + payload.Bin + ` ` + payload.FallbackBin + ` ` + payload.CompatBin + `; do
	while :; do
		case $oh_path in
		*:"$oh_dir":*) oh_path=${oh_path%%:"$oh_dir":*}:${oh_path#*:"$oh_dir":} ;;
		*) break ;;
		esac
	done
done
oh_path=${oh_path#:}
oh_path=${oh_path%:}
PATH=` + payload.Bin + `:${oh_path:+$oh_path:}` + payload.FallbackBin + `
export PATH
unset oh_path oh_dir
`

const newProfile = `# Read by login shells.
for script in /etc/profile.d/*.sh; do
	if [ -r "$script" ]; then
		. "$script"
	fi
done
unset script
`

// loginPath sees to it that a login shell ends with the PATH of the image.
func (s *stage) loginPath() error {
	if err := s.replace(loginPathFile, loginPathScript, 0o644); err != nil {
		return err
	}
	content, _, ok, err := s.read(profileFile)
	switch {
	case err != nil:
		return err
	case !ok:
		return s.write(profileFile, newProfile, 0o644, 0, 0)
	case !strings.Contains(string(content), path.Dir(loginPathFile)):
		return s.write(profileFile, endLine(string(content))+". "+loginPathFile+"\n", 0o644, 0, 0)
	}
	return nil
}

// programs puts the interpreters that scripts name by path where scripts
// expect them: the base's own if it is elsewhere, else the payload's.
func (s *stage) programs() error {
	for _, name := range []string{"/bin/sh", "/bin/bash", "/usr/bin/env"} {
		if _, _, ok, err := s.resolve(name); err != nil {
			return err
		} else if ok {
			continue
		}
		target, err := s.which(path.Base(name))
		if err != nil {
			return err
		}
		if target == "" {
			target = path.Join(payload.FallbackBin, path.Base(name))
		}
		if err := s.symlink(name, target); err != nil {
			return err
		}
	}
	return nil
}

// which searches the base for a program; it returns "" if there is none.
func (s *stage) which(program string) (string, error) {
	for _, dir := range strings.Split(payload.SystemPath, ":") {
		name := path.Join(dir, program)
		_, e, ok, err := s.resolve(name)
		if err != nil {
			return "", err
		}
		if ok && e.Mode.IsRegular() && e.Mode&0o111 != 0 {
			return name, nil
		}
	}
	return "", nil
}
