package buildx

import (
	"os/exec"
	"syscall"
)

// dieTogether makes cmd end as if interrupted when this process is killed.
func dieTogether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT}
}
