package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// shellsLimit is how long the shells of sessions may take to be tried.
const shellsLimit = 2 * time.Minute

// checkStartUpFiles has the shells tried of who has sessions.
func (s session) checkStartUpFiles() payload.Finding {
	const name = "start-up files"
	ctx, cancel := context.WithTimeout(context.Background(), shellsLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, payload.Wrappers, payload.StartUpFiles)
	if os.Getuid() == 0 && s.known {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(s.account.UID), Gid: uint32(s.account.GID)}}
	}
	out, err := cmd.Output()
	if err != nil {
		return warning(name, fmt.Sprintf("the shells of sessions cannot be tried: %v", err), "build the image again, or mount the payload at "+payload.Prefix)
	}
	if without := strings.TrimSpace(string(out)); without != "" {
		return warning(name, strings.ReplaceAll(without, "\n", "; "), payload.StartUpFilesCure)
	}
	return right(name, "sessions have all of them")
}
