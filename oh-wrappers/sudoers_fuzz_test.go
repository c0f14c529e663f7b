package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/account"
)

// FuzzPermitted reads rules of any form. Whatever they are, a rule that comes
// last and denies denies, and rules that name nobody permit nothing.
func FuzzPermitted(f *testing.F) {
	for _, text := range []string{
		"openhands ALL=(ALL:ALL) NOPASSWD:ALL\n", "%sudo ALL=(ALL) ALL", "Defaults env_reset\nALL ALL=NOPASSWD: ALL",
		"User_Alias A = ALL, \\\n !root\nA ALL = NOEXEC: ALL", "#1000 ALL=(ALL) NOPASSWD:ALL # x \\", "@includedir /etc/sudoers.d\n", "#include /etc/sudoers", "\"open hands\" ALL=\\", "\xff\x00=!:,()",
	} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, main, file string) {
		root := t.TempDir()
		write := func(name, text string) {
			t.Helper()
			if err := os.MkdirAll(filepath.Dir(root+name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(root+name, []byte(text), 0o440); err != nil {
				t.Fatal(err)
			}
		}
		write("/etc/passwd", "root:x:0:0::/root:/bin/sh\nopenhands:x:1000:1000::/home/openhands:/bin/sh\n")
		write("/etc/group", "root:x:0:\nopenhands:x:1000:\nsudo:x:27:openhands\n")
		write("/etc/sudoers", main)
		write("/etc/sudoers.d/rule", file)
		all, err := account.Read(account.Dir(root))
		if err != nil {
			t.Fatal(err)
		}
		user, _ := all.User("openhands")
		allowed, err := permitted(root, all, user)
		named := false
		for _, name := range []string{"openhands", "sudo", "ALL", "1000", "27"} {
			named = named || strings.Contains(main+file, name)
		}
		if allowed && (err != nil || !named) {
			t.Errorf("%q and %q permit everything: %v", main, file, err)
		}
		const denial = "openhands ALL=(ALL:ALL) !ALL\n"
		write("/etc/sudoers", main+"\n\n"+denial)
		write("/etc/sudoers.d/zzzz", denial)
		if allowed, _ := permitted(root, all, user); allowed {
			t.Errorf("%q and %q permit everything although the last rule denies", main, file)
		}
	})
}
