package settings

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path(name), []byte("old"), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("mode", 0o640)
	write("target", 0o600)
	write("read-only", 0o400)
	for link, target := range map[string]string{"link": "link2", "link2": path("target"), "dangling": "new/made", "loop": "loop"} {
		if err := os.Symlink(target, path(link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name, at string // where the content is
		mode     os.FileMode
	}{
		{"mode", "mode", 0o640},
		{"link", "target", 0o600},
		{"dangling", "new/made", 0o644},
		{"folder/file", "folder/file", 0o644},
	} {
		if err := WriteFile(path(test.name), []byte("new"), 0o644); err != nil {
			t.Error(err)
			continue
		}
		text, err := os.ReadFile(path(test.at))
		if err != nil || string(text) != "new" {
			t.Errorf("%s: %q %v", test.name, text, err)
		}
		if info, err := os.Lstat(path(test.at)); err != nil || info.Mode() != test.mode {
			t.Errorf("%s: %v %v, want %v", test.name, info.Mode(), err, test.mode)
		}
	}

	err := WriteFile(path("read-only"), []byte("new"), 0o644)
	if p, ok := errors.AsType[*problem.Error](err); !ok || p.Code != problem.NotWritable {
		t.Errorf("read-only: %v", err)
	}
	if err := WriteFile(path("loop"), nil, 0o644); err == nil {
		t.Error("a link to itself was written")
	}
	if err := WriteFile(dir, nil, 0o644); err == nil {
		t.Error("a folder was written")
	}
	left, err := filepath.Glob(path(".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+"-")); err == nil {
		t.Error("left behind beside the folder")
	}
}

func TestReadFile(t *testing.T) {
	if text, err := ReadFile(filepath.Join(t.TempDir(), "none")); text != nil || err != nil {
		t.Errorf("%q %v", text, err)
	}
	if _, err := ReadFile(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
}

// TestWriteFileAtOnce reads while a file is written again and again: it is
// always one of the two contents, whole.
func TestWriteFileAtOnce(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	contents := []string{strings.Repeat("a", 1<<16), strings.Repeat("b", 1<<10)}
	if err := os.WriteFile(name, []byte(contents[0]), 0o644); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		var err error
		for i := range 100 {
			err = errors.Join(err, WriteFile(name, []byte(contents[(i+1)%2]), 0o644))
		}
		written <- err
	}()
	for {
		text, err := os.ReadFile(name)
		if err != nil || !slices.Contains(contents, string(text)) {
			t.Fatalf("%d bytes were read: %v", len(text), err)
		}
		select {
		case err := <-written:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
	}
}
