package settings

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSwitch(t *testing.T) {
	const old = "# mine\n[sandbox]\nbase_container_image = \"debian:12\" # kept\n"
	file := filepath.Join(t.TempDir(), "config.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	read := func() string {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if err := SwitchBack(file); err == nil {
		t.Error("nothing was taken back without an error")
	}
	write(old)
	backup, err := SwitchTo(file, "my/image:1", true)
	if err != nil {
		t.Fatal(err)
	}
	const switched = "# mine\n[sandbox]\nbase_container_image = \"debian:12\" # kept\nruntime_container_image = \"my/image:1\"\n"
	if diff := cmp.Diff(switched, read()); diff != "" {
		t.Errorf("after the switch, wanted (-) and got (+):\n%s", diff)
	}
	if again, err := SwitchTo(file, "my/image:1", true); err != nil || again != backup {
		t.Errorf("the same switch again: %v", err)
	}
	if _, err := SwitchTo(file, "my/image:2", true); err == nil {
		t.Error("a second switch would lose the first backup")
	}
	write(switched + "# edited\n")
	if err := SwitchBack(file); err == nil {
		t.Error("edits were lost without an error")
	}
	write(switched)
	mode := func(m os.FileMode) {
		t.Helper()
		if err := os.Chmod(file, m); err != nil {
			t.Fatal(err)
		}
	}
	mode(0o444)
	if err := SwitchBack(file); err == nil || read() != switched {
		t.Errorf("a file that may not be written is taken back: %v", err)
	}
	mode(0o644)
	if err := SwitchBack(file); err != nil { // the backup was kept
		t.Fatal(err)
	}
	if diff := cmp.Diff(old, read()); diff != "" {
		t.Errorf("after taking it back, wanted (-) and got (+):\n%s", diff)
	}
	if _, err := os.Stat(backup); !os.IsNotExist(err) {
		t.Errorf("the backup is still there: %v", err)
	}
}

// TestSwitchNew switches where there was no file.
func TestSwitchNew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.toml")
	if _, err := SwitchTo(file, "my/image:1", false); err != nil {
		t.Fatal(err)
	}
	if err := SwitchBack(file); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
}

// A link in the place of the backup leads neither to nor from another file.
func TestSwitchFollowsNoLink(t *testing.T) {
	for name, exists := range map[string]bool{"a file": true, "nowhere": false} {
		dir := t.TempDir()
		file, other := filepath.Join(dir, "config.toml"), filepath.Join(t.TempDir(), "other")
		texts := map[string]string{file: "echo = 1\n"}
		if exists {
			texts[other] = "echo = 1\n"
		}
		for name, text := range texts {
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(other, file+backupSuffix); err != nil {
			t.Fatal(err)
		}
		if _, err := SwitchTo(file, "my/image:1", true); err == nil {
			t.Errorf("to %s: it was switched", name)
		}
		if err := SwitchBack(file); err == nil {
			t.Errorf("to %s: it was switched back", name)
		}
		for _, name := range []string{file, other} {
			if text, err := os.ReadFile(name); string(text) != texts[name] {
				t.Errorf("to %s: %s is %q, %v", name, name, text, err)
			}
		}
	}
}
