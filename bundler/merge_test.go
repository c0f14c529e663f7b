package bundler

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMerge(t *testing.T) {
	one, two, out := t.TempDir(), t.TempDir(), t.TempDir()
	for _, dir := range []string{one, two} {
		mustWrite(t, dir+"/openhands/lib/same", strings.Repeat("same", 40_000), 0o755)
		mustLink(t, "same", dir+"/openhands/lib/link")
	}
	mustWrite(t, one+"/openhands/lib/one", "1", 0o644)
	mustWrite(t, two+"/openhands/lib/two", "2", 0o644)
	for range 2 { // a second run finds the first one's files
		if err := Merge(t.Context(), out, one, two); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		"lib/same": "-rwxr-xr-x " + strings.Repeat("same", 40_000), "lib/link": "-> same",
		"lib/one": "-rw-r--r-- 1", "lib/two": "-rw-r--r-- 2",
	}
	if diff := cmp.Diff(want, tree(t, out)); diff != "" {
		t.Error(diff)
	}
}

func TestMergeNamesWhatDiffers(t *testing.T) {
	cases := map[string]func(t *testing.T, one, two string){
		"content": func(t *testing.T, one, two string) {
			mustWrite(t, one, "1", 0o644)
			mustWrite(t, two, "2", 0o644)
		},
		"length": func(t *testing.T, one, two string) {
			mustWrite(t, one, strings.Repeat("x", 1<<16), 0o644)
			mustWrite(t, two, strings.Repeat("x", 1<<16)+"y", 0o644)
		},
		"mode": func(t *testing.T, one, two string) {
			mustWrite(t, one, "", 0o644)
			mustWrite(t, two, "", 0o755)
		},
		"kind": func(t *testing.T, one, two string) {
			mustWrite(t, one, "", 0o644)
			mustLink(t, "x", two)
		},
		"target": func(t *testing.T, one, two string) {
			mustLink(t, "x", one)
			mustLink(t, "y", two)
		},
	}
	for name, build := range cases {
		t.Run(name, func(t *testing.T) {
			one, two := t.TempDir(), t.TempDir()
			build(t, one+"/openhands/f", two+"/openhands/f")
			err := Merge(t.Context(), t.TempDir(), one, two)
			if err == nil || !strings.Contains(err.Error(), one+"/openhands/f and "+two+"/openhands/f") {
				t.Errorf("error %v does not name both files", err)
			}
		})
	}
}
