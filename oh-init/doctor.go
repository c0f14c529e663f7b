package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/internal/account"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// examine is the command doctor.
func examine(args []string, stdout, _ io.Writer) (int, error) {
	f := flags("oh-init doctor [--json] [--user NAME]", stdout)
	asJSON := f.Bool("json", false, "print findings as a JSON array")
	name := f.String("user", cmp.Or(os.Getenv(payload.UserVariable), payload.User), "`name` of the account that sessions are for where the server runs as root, as this command does")
	if err := parse(f, args); err != nil {
		return 0, err
	}
	if err := noArguments(f); err != nil {
		return 0, err
	}
	session := sessionAccount(*name)
	var findings []payload.Finding
	status := 0
	for _, check := range []func() payload.Finding{
		checkPayload,
		func() payload.Finding {
			return checkWritable("temporary files", "/tmp", "mount a writable /tmp (--tmpfs /tmp)")
		},
		func() payload.Finding {
			return checkWritable("workspace", payload.Workspace, "give the mounted folder to the user that the server runs as")
		},
		checkSharedMemory,
		checkShell,
		session.checkStartUpFiles,
		session.checkAccount,
		session.checkSudo,
	} {
		found := check()
		if found.Status == payload.StatusFailed {
			status = 1
		}
		findings = append(findings, found)
	}
	if *asJSON {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		return status, e.Encode(findings)
	}
	for _, found := range findings {
		fmt.Fprintf(stdout, "%-8s %s: %s", found.Status, found.Check, found.Detail)
		if found.Cure != "" {
			fmt.Fprintf(stdout, "; to cure it, %s", found.Cure)
		}
		fmt.Fprintln(stdout)
	}
	return status, nil
}

func right(check, detail string) payload.Finding {
	return payload.Finding{Check: check, Status: payload.StatusOK, Detail: detail}
}

func warning(check, detail, cure string) payload.Finding {
	return payload.Finding{Check: check, Status: payload.StatusWarning, Detail: detail, Cure: cure}
}

func failure(check, detail, cure string) payload.Finding {
	return payload.Finding{Check: check, Status: payload.StatusFailed, Detail: detail, Cure: cure}
}

func checkPayload() payload.Finding {
	found := payload.Finding{Check: "payload", Status: payload.StatusFailed, Cure: "build the image again, or mount the payload at " + payload.Prefix}
	content, err := os.ReadFile(payload.ManifestFile)
	if err != nil {
		found.Detail = err.Error()
		return found
	}
	m, err := payload.ParseManifest(content)
	switch {
	case err != nil:
		found.Detail = err.Error()
	case m.Architecture != runtime.GOARCH:
		found.Detail = fmt.Sprintf("is made for %s, this container is %s", m.Architecture, runtime.GOARCH)
	default:
		found = right(found.Check, fmt.Sprintf("OpenHands %s, %s, %d components", m.OpenHandsVersion, m.Server, len(m.Components)))
		if _, err := os.Stat(payload.Interp); err != nil {
			found.Status, found.Detail = payload.StatusFailed, err.Error()
		}
	}
	return found
}

func checkWritable(name, dir, cure string) payload.Finding {
	f, err := os.CreateTemp(dir, ".oh-init-doctor-")
	if err != nil {
		return failure(name, err.Error(), cure)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return failure(name, err.Error(), cure)
	}
	return right(name, dir+" is writable")
}

// enoughSharedMemory, in bytes, is what Docker gives by default and Chromium
// gets by with.
const enoughSharedMemory = 64 << 20

func checkSharedMemory() payload.Finding {
	const name, cure = "shared memory", "start the container with --shm-size 1g"
	var stat unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &stat); err != nil {
		return warning(name, fmt.Sprintf("/dev/shm: %v", err), cure)
	}
	size := stat.Blocks * uint64(stat.Bsize)
	detail := fmt.Sprintf("/dev/shm has %d MiB", size>>20)
	if stat.Type != unix.TMPFS_MAGIC || size < enoughSharedMemory {
		return warning(name, detail+", browser pages may crash", cure)
	}
	return right(name, detail)
}

func checkShell() payload.Finding {
	const name, shell = "shell", "/bin/bash"
	if _, err := exec.LookPath(shell); err != nil {
		return failure(name, err.Error(), "run oh-init setup as root while the image is built")
	}
	return right(name, shell+" is there")
}

// session is whom the server starts shells for: the user that it runs as or, as
// root, the one that it is told.
type session struct {
	name    string // or user ID
	account account.User
	known   bool
}

func sessionAccount(name string) session {
	accounts, err := account.ReadUsers(account.Dir(""))
	if err != nil {
		return session{name: name}
	}
	s := session{name: name}
	if uid := os.Getuid(); uid != 0 {
		s.name = "user ID " + strconv.Itoa(uid)
		s.account, s.known = accounts.UserOf(uid)
	} else {
		s.account, s.known = accounts.User(name)
	}
	return s
}

func (s session) checkAccount() payload.Finding {
	const name = "account"
	switch {
	case s.known:
		return right(name, fmt.Sprintf("%s, user ID %d, home %s", s.account.Name, s.account.UID, s.account.Home))
	case os.Getuid() == 0:
		return warning(name, s.name+" has no line in /etc/passwd yet",
			"start the server, which makes the account, or build the image with --user "+s.name)
	}
	return warning(name, s.name+" has no line in /etc/passwd",
		"start the container as root or as "+payload.User+", or mount a passwd that has the ID")
}

func (s session) checkSudo() payload.Finding {
	const name = "sudo"
	if s.known && s.account.UID == 0 {
		return right(name, "not needed, sessions are root's")
	}
	program, err := exec.LookPath("sudo")
	if err != nil {
		return warning(name, "there is none", "build the image without --no-sudo")
	}
	if info, err := os.Stat(program); err == nil && info.Mode()&fs.ModeSetuid == 0 {
		return warning(name, program+" is not setuid", "build the image without --no-sudo")
	}
	if confined, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err == nil && confined == 1 {
		return warning(name, program+" cannot raise privileges under no_new_privs", "start the container without --security-opt no-new-privileges")
	}
	return right(name, program)
}
