package live

import (
	"bytes"
	"slices"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/migrate"
	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
	"github.com/docker-openhands/docker-openhands/integration/lab"
)

// TestExtraDeps runs extra dependencies over bases whose /bin/sh is a small
// shell written in Go, or the payload's: both carry out what a user writes, and
// what they lack is in the answer.
func TestExtraDeps(t *testing.T) {
	small := leaveMost(t)
	const command = `set -eu; for n in 6 7; do x=${x:-1}$n; done; if [ -d /bin ]; then echo "$x $(id -u)" >/made; fi`
	for _, base := range []string{"u-root:core", "scratch"} {
		t.Run(base, func(t *testing.T) {
			image := build(t, base, append(small, "--extra-deps", command)...)
			equal(t, inImage(t, image, "cat /made"), "167 0")
			var stderr bytes.Buffer
			cmd := lab.Engine{}.Command(t.Context(), slices.Concat([]string{"openhands", "build", "--base", base, "--progress", "plain", "--extra-deps", "apt-get update"}, small)...)
			cmd.Stderr = &stderr
			said := checkParagraph(t, cmd.Run(), stderr.String(), problem.BuildFailed)
			contains(t, said, "127")
			contains(t, stderr.String(), "apt-get")
		})
	}
	// What cannot work is known before anything is built.
	loadSmallDeps(t, lab.Engine{})
	m, _, err := runMigrate(t, "--deps-image", smallDeps, "--base", "u-root:core", "--extra-deps", "apt-get update; cat /etc/os-release", "--dry-run")
	if err == nil || len(m.ExtraDeps) != 2 || m.ExtraDeps[0].Effect != migrate.Fails || m.ExtraDeps[1].Effect != migrate.Same {
		t.Errorf("%v, %+v", err, m.ExtraDeps)
	}
}
