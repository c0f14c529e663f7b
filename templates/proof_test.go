package templates

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What runs the proofs writes down those that it cannot run, and fails with what
// a proof says.
func TestProofScript(t *testing.T) {
	dir := t.TempDir()
	// A builder of amd64; nothing is in /openhands that could be tried.
	if err := os.WriteFile(filepath.Join(dir, "dpkg"), []byte("#!/bin/sh\necho amd64\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		arch, proof       string
		fails             bool
		printed, unproven string
	}{
		"its own":          {"amd64", "prove tmux '--emulated' sh -c '[ $# = 0 ]' sh", false, "proof of tmux", ""},
		"its own, broken":  {"amd64", "prove tmux '' sh -c 'echo no terminal; exit 3'", true, "no terminal\ncomponent tmux does not work", ""},
		"another":          {"arm64", "prove tmux '' false\nprove uv '' false", false, "no proof of uv", "tmux\nuv\n"},
		"nothing to prove": {"arm64", "", false, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			unproven := filepath.Join(t.TempDir(), "unproven")
			script := "set -eu\nunproven=" + unproven + "\n: >$unproven\narch=" + test.arch + "\n. ./stage1/proof.sh\n" + test.proof
			cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
			cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
			out, err := cmd.CombinedOutput()
			if (err != nil) != test.fails || !strings.Contains(string(out), test.printed) {
				t.Errorf("%v: %s", err, out)
			}
			if got, err := os.ReadFile(unproven); err != nil || string(got) != test.unproven {
				t.Errorf("unproven are %q, want %q, %v", got, test.unproven, err)
			}
		})
	}
}
