package live

import (
	"bytes"
	"slices"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/migrate"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/integration/lab"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// TestExtraDeps runs extra dependencies over bases whose /bin/sh is a small
// shell written in Go, or the payload's: both carry out what a user writes, and
// what they lack is in the answer.
func TestExtraDeps(t *testing.T) {
	const command = `set -eu; x=; for n in 6 7; do x=${x:-1}$n; done; if [ -d /openhands ]; then echo "$x" >/made; fi`
	refused := func(t *testing.T, base, command string, flags []string) (said string) {
		t.Helper()
		var stderr bytes.Buffer
		cmd := lab.Engine{}.Command(t.Context(), slices.Concat([]string{"openhands", "build", "--base", base, "--progress", "plain", "--extra-deps", command}, flags)...)
		cmd.Stderr = &stderr
		return checkParagraph(t, cmd.Run(), stderr.String(), problem.BuildFailed)
	}
	without, with := leaveMost(t), leaveMost(t, "shell-tools")
	for _, test := range []struct {
		base  string
		flags []string
	}{
		{"u-root:core", without},
		{"scratch", with},
	} {
		t.Run(test.base, func(t *testing.T) {
			image := build(t, test.base, append(test.flags, "--extra-deps", command)...)
			equal(t, docker(t, "run", "--rm", "--entrypoint", payload.Rescue, image, "cat", "/made"), "167")
			said := refused(t, test.base, "apt-get update", test.flags)
			contains(t, said, "ended with status 127, after saying:")
			contains(t, said, "not found")
		})
	}
	t.Run("no shell", func(t *testing.T) {
		for _, form := range []string{"auto", "never"} {
			said := refused(t, "scratch", "true", append(without, "--assemble", form))
			contains(t, said, "neither the base scratch nor the payload has a shell")
		}
	})
	t.Run("no package manager", func(t *testing.T) { // which is known before anything is built
		loadSmallDeps(t, lab.Engine{})
		m, stderr, err := runMigrate(t, "--deps-image", smallDeps, "--base", "u-root:core", "--extra-deps", "apt-get update; cat /etc/hosts", "--dry-run")
		checkProblem(t, err, stderr, problem.NotMigrated)
		if len(m.ExtraDeps) != 2 || m.ExtraDeps[0].Effect != migrate.Fails || m.ExtraDeps[1].Effect != migrate.Same {
			t.Errorf("%+v", m.ExtraDeps)
		}
	})
}
