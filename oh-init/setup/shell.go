package setup

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

const (
	profileFile   = "/etc/profile"
	loginPathFile = "/etc/profile.d/zz-openhands.sh"
)

// loginPathScript does in a shell what Path does in Go, without any command of
// the base.
func loginPathScript(tools payload.Tools) string {
	where, all := "both ends", payload.Bin+`:${oh_path:+$oh_path:}`+payload.FallbackBin
	if tools == payload.PayloadFirst {
		where, all = "the start", payload.Bin+`:`+payload.FallbackBin+`${oh_path:+:$oh_path}`
	}
	return `# Keeps the payload at ` + where + ` of PATH after a login shell has set it anew.
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
PATH=` + all + `
export PATH
unset oh_path oh_dir
`
}

const newProfile = `# Read by login shells.
for script in /etc/profile.d/*.sh; do
	if [ -r "$script" ]; then
		. "$script"
	fi
done
unset script
`

// loginPath sees to it that a login shell ends with the PATH of the image.
func (s *stage) loginPath(tools payload.Tools) error {
	if err := s.replace(loginPathFile, loginPathScript(tools), 0o644); err != nil {
		return err
	}
	content, ok, err := s.read(profileFile)
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
//
// That the server's shell is no program of this machine is an error: what links
// to it, the base's scripts too, could not run.
func (s *stage) programs(searchPath, arch string) error {
	for _, name := range []string{"/bin/sh", "/bin/bash", "/usr/bin/env"} {
		resolved, e, ok, err := s.resolve(name)
		var odd *obstacle
		switch {
		case errors.As(err, &odd) && name != serverShell:
			continue
		case err != nil:
			return err
		case ok && !e.Mode.IsRegular() && name == serverShell:
			return obstacleError("%s is not a regular file", name)
		case ok && name == serverShell:
			if err := s.executable(name, resolved, e, arch); err != nil {
				return err
			}
			continue
		case ok:
			continue
		}
		target, err := s.which(path.Base(name), searchPath)
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

// executable returns an obstacle where a machine cannot run the regular file at
// a resolved path.
func (s *stage) executable(name, resolved string, e Entry, arch string) error {
	if _, staged := s.staged[resolved]; staged || e.Mode&0o111 == 0 {
		return nil // a view looks into executable files alone
	}
	program, err := s.root.Program(resolved)
	if err != nil {
		return fmt.Errorf("reading %s: %w", resolved, err)
	}
	if !program.runs(arch) {
		return obstacleError("%s is %v, which a machine of %s cannot run", name, program, arch)
	}
	return nil
}

// serverShell is the one program of the base that the server cannot do without.
const serverShell = "/bin/sh"

// which searches the base for a program, in the folders of searchPath and of
// payload.SystemPath; it returns "" if there is none. Folders that searchPath
// adds count only where they are root's alone: what is found there may get its
// place in a folder of root's. Those of the payload are none of the base's.
func (s *stage) which(program, searchPath string) (string, error) {
	system := strings.Split(payload.SystemPath, ":")
	for _, dir := range append(strings.Split(searchPath, ":"), system...) {
		if !path.IsAbs(dir) || below(dir, payload.Prefix) {
			continue
		}
		name := path.Join(dir, program)
		resolved, e, ok, err := s.resolve(name)
		var odd *obstacle
		if errors.As(err, &odd) {
			continue
		}
		if err != nil {
			return "", err
		}
		if !ok || !e.Mode.IsRegular() || e.Mode&0o111 == 0 {
			continue
		}
		if !slices.Contains(system, dir) {
			if alone, err := s.rootsAlone(path.Dir(resolved)); err != nil {
				return "", err
			} else if !alone || e.UID != 0 {
				continue
			}
		}
		return name, nil
	}
	return "", nil
}
