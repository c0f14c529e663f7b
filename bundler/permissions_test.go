package bundler

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPermissions(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"openhands", "openhands/private", "openhands/shared"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]fs.FileMode{
		"fine": 0o644, "program": 0o755, "unreadable": 0o600, "not-executable": 0o744, "writable": 0o664, "setuid": 0o755 | fs.ModeSetuid,
	} {
		path := filepath.Join(root, "openhands", name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // the umask has no say
			t.Fatal(err)
		}
	}
	for dir, mode := range map[string]fs.FileMode{"private": 0o750, "shared": 0o755 | fs.ModeSticky} {
		if err := os.Chmod(filepath.Join(root, "openhands", dir), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("nowhere", filepath.Join(root, "openhands", "link")); err != nil {
		t.Fatal(err)
	}
	findings, err := Permissions(t.Context(), root, "/openhands")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range findings {
		if f.Rule == RuleMode {
			got[f.Path] = f.Detail
		} else if os.Getuid() == 0 {
			t.Errorf("%s: %s: %s", f.Path, f.Rule, f.Detail)
		}
	}
	want := map[string]string{
		"/openhands/unreadable":     "-rw------- cannot be read by everybody",
		"/openhands/not-executable": "-rwxr--r-- cannot be entered or executed by everybody",
		"/openhands/writable":       "-rw-rw-r-- can be written by others than root",
		"/openhands/setuid":         "urwxr-xr-x has a bit beside those for reading, writing and executing",
		"/openhands/private":        "drwxr-x--- cannot be read by everybody",
		"/openhands/shared":         "dtrwxr-xr-x has a bit beside those for reading, writing and executing",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings, wanted (-) and got (+):\n%s", diff)
	}
}

// TestPermissionsOwner needs root, which alone can give files away.
func TestPermissionsOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("not root: only the own tree is looked at")
	}
	root := t.TempDir()
	path := filepath.Join(root, "openhands")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(path, 1000, 1000); err != nil {
			t.Fatal(err)
		}
	}
	findings, err := Permissions(t.Context(), root, "/openhands")
	if err != nil || len(findings) != 1 || findings[0].Rule != RuleOwner {
		t.Errorf("%v, %v", findings, err)
	}
}
