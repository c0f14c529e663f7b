package account

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Programs that add accounts at a time lose none of each other's.
func TestLock(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{PasswdFile: "root:x:0:0::/root:/bin/sh\n", GroupFile: "root:x:0:\n", ShadowFile: "root:*:::::::\n"} {
		if err := os.WriteFile(root+name, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	const users = 20
	var group sync.WaitGroup
	for i := range users {
		group.Go(func() {
			unlock, err := Dir(root).Lock()
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			e, err := Edit(Dir(root))
			if err == nil {
				e.AddUser(User{Name: fmt.Sprintf("u%d", i), UID: 1000 + i, GID: 1000 + i, Home: "/h", Shell: "/bin/sh"}, Last)
				err = e.Save()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	text, err := os.ReadFile(root + PasswdFile)
	if got := strings.Count(string(text), "\nu"); got != users {
		t.Errorf("%d of %d accounts are there, %v", got, users, err)
	}
}
