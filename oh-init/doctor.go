package main

import (
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
	f := flags("oh-init doctor [--json]", stdout)
	asJSON := f.Bool("json", false, "print findings as a JSON array")
	if err := parse(f, args); err != nil {
		return 0, err
	}
	if err := noArguments(f); err != nil {
		return 0, err
	}
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
		checkAccount,
		checkSudo,
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

func checkAccount() finding {
	const name = "account"
	uid := strconv.Itoa(os.Getuid())
	account, err := user.LookupId(uid)
	if err != nil {
		return finding{name, statusWarning, "user ID " + uid + " has no line in /etc/passwd",
			"start the container as root or as " + payload.User + ", or mount a passwd that has the ID"}
	}
	return finding{name, statusOK, account.Username + ", user ID " + uid + ", home " + account.HomeDir, ""}
}

func checkSudo() finding {
	const name = "sudo"
	if os.Getuid() == 0 {
		return finding{name, statusOK, "not needed, this is root", ""}
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
