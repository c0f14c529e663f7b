//go:build linux

package setup

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/docker-openhands/docker-openhands/internal/account"
)

// Account files as large as set-up reads them, with all IDs taken from which it
// would choose, take no time that is worth a word.
func TestManyAccounts(t *testing.T) {
	var passwd, group strings.Builder
	passwd.WriteString("root:x:0:0:root:/root:/bin/sh\n")
	group.WriteString("root:x:0:\n")
	for id := 1; passwd.Len() < MaxFile-100; id++ {
		fmt.Fprintf(&passwd, "u%d:x:%[1]d:%[1]d::/:\n", id)
		fmt.Fprintf(&group, "g%d:x:%[1]d:\n", id)
	}
	lines := strings.Count(passwd.String(), "\n")
	at := t.TempDir()
	tree{file("/etc/passwd", passwd.String(), 0o644), file("/etc/group", group.String(), 0o644)}.unpack(t, at)
	start := time.Now()
	changes := plan(t, at, Options{Sudo: true, Arch: "amd64"})
	if took := time.Since(start); took > 10*time.Second { // a tenth of a second, on an idle machine
		t.Errorf("%d lines took %v", lines, took)
	}
	want := fmt.Sprintf("\nopenhands:*:%d:%[1]d:openhands:", lines)
	for _, c := range changes {
		if c.Path == account.PasswdFile && !strings.Contains(string(c.Content), want) {
			t.Errorf("passwd ends with %q, want %q", c.Content[len(c.Content)-200:], want)
		}
	}
}
