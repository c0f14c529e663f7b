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
	"os/user"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// finding is the result of one check.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"` // statusOK, statusWarning or statusFailed
	Detail string `json:"detail"`
	Cure   string `json:"cure,omitempty"`
}

const (
	statusOK      = "ok"
	statusWarning = "warning"
	statusFailed  = "failed"
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
	var findings []finding
	status := 0
	for _, check := range []func() finding{
		checkPayload,
		func() finding {
			return checkWritable("temporary files", "/tmp", "mount a writable /tmp (--tmpfs /tmp)")
		},
		func() finding {
			return checkWritable("workspace", payload.Workspace, "give the mounted folder to the user that the server runs as")
		},
		checkSharedMemory,
		checkShell,
		session.checkAccount,
		session.checkSudo,
	} {
		found := check()
		if found.Status == statusFailed {
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

func checkPayload() finding {
	found := finding{Check: "payload", Status: statusFailed, Cure: "build the image again, or mount the payload at " + payload.Prefix}
	content, err := os.ReadFile(payload.ManifestFile)
	if err != nil {
		found.Detail = err.Error()
		return found
	}
	var m payload.Manifest
	switch err := json.Unmarshal(content, &m); {
	case err != nil:
		found.Detail = fmt.Sprintf("%s: %v", payload.ManifestFile, err)
	case m.SchemaVersion != payload.SchemaVersion:
		found.Detail = fmt.Sprintf("%s has schema %d, this program knows %d", payload.ManifestFile, m.SchemaVersion, payload.SchemaVersion)
	case m.Architecture != runtime.GOARCH:
		found.Detail = fmt.Sprintf("is made for %s, this container is %s", m.Architecture, runtime.GOARCH)
	default:
		found = finding{found.Check, statusOK, fmt.Sprintf("OpenHands %s, %s, %d components", m.OpenHandsVersion, m.Server, len(m.Components)), ""}
		if _, err := os.Stat(payload.Interp); err != nil {
			found.Status, found.Detail = statusFailed, err.Error()
		}
	}
	return found
}

func checkWritable(name, dir, cure string) finding {
	f, err := os.CreateTemp(dir, ".oh-init-doctor-")
	if err != nil {
		return finding{name, statusFailed, err.Error(), cure}
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return finding{name, statusFailed, err.Error(), cure}
	}
	return finding{name, statusOK, dir + " is writable", ""}
}

// enoughSharedMemory, in bytes, is what Docker gives by default and Chromium
// gets by with.
const enoughSharedMemory = 64 << 20

func checkSharedMemory() finding {
	const name, cure = "shared memory", "start the container with --shm-size 1g"
	var stat unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &stat); err != nil {
		return finding{name, statusWarning, fmt.Sprintf("/dev/shm: %v", err), cure}
	}
	size := stat.Blocks * uint64(stat.Bsize)
	detail := fmt.Sprintf("/dev/shm has %d MiB", size>>20)
	if stat.Type != unix.TMPFS_MAGIC || size < enoughSharedMemory {
		return finding{name, statusWarning, detail + ", browser pages may crash", cure}
	}
	return finding{name, statusOK, detail, ""}
}

func checkShell() finding {
	const name, shell = "shell", "/bin/bash"
	if _, err := exec.LookPath(shell); err != nil {
		return finding{name, statusFailed, err.Error(), "run oh-init setup as root while the image is built"}
	}
	return finding{name, statusOK, shell + " is there", ""}
}

// session is whom the server starts shells for: the user that it runs as or, as
// root, the one that it is told.
type session struct {
	name    string // or user ID
	account *user.User
}

func sessionAccount(name string) session {
	if uid := os.Getuid(); uid != 0 {
		id := strconv.Itoa(uid)
		account, _ := user.LookupId(id)
		return session{"user ID " + id, account}
	}
	account, _ := user.Lookup(name)
	return session{name, account}
}

func (s session) checkAccount() finding {
	const name = "account"
	switch {
	case s.account != nil:
		return finding{name, statusOK, s.account.Username + ", user ID " + s.account.Uid + ", home " + s.account.HomeDir, ""}
	case os.Getuid() == 0:
		return finding{name, statusWarning, s.name + " has no line in /etc/passwd yet",
			"start the server, which makes the account, or build the image with --user " + s.name}
	}
	return finding{name, statusWarning, s.name + " has no line in /etc/passwd",
		"start the container as root or as " + payload.User + ", or mount a passwd that has the ID"}
}

func (s session) checkSudo() finding {
	const name = "sudo"
	if s.account != nil && s.account.Uid == "0" {
		return finding{name, statusOK, "not needed, sessions are root's", ""}
	}
	program, err := exec.LookPath("sudo")
	if err != nil {
		return finding{name, statusWarning, "there is none", "build the image without --no-sudo"}
	}
	if info, err := os.Stat(program); err == nil && info.Mode()&fs.ModeSetuid == 0 {
		return finding{name, statusWarning, program + " is not setuid", "build the image without --no-sudo"}
	}
	if confined, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err == nil && confined == 1 {
		return finding{name, statusWarning, program + " cannot raise privileges under no_new_privs", "start the container without --security-opt no-new-privileges"}
	}
	return finding{name, statusOK, program, ""}
}
