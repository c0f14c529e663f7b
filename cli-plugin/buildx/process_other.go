//go:build !linux

package buildx

import "os/exec"

// dieTogether is possible on Linux only.
func dieTogether(*exec.Cmd) {}
