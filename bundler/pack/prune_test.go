package pack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

func TestPrune(t *testing.T) {
	build := func(t *testing.T) string {
		root := t.TempDir()
		for _, name := range []string{
			"venv/lib/a/__init__.py", "venv/lib/a/tests/__init__.py", "venv/lib/a/tests/data/x.csv",
			"venv/lib/a/b/tests/test_b.py", "venv/lib/a/b/tests/needed.py", "venv/lib/latest/x.py",
			"share/app.js", "share/app.js.map", "share/maps/world.map", "venv/lib/stubs/x/tests/y.py",
		} {
			elftest.Write(t, root+testPrefix+"/"+name, "1234", 0o644)
		}
		elftest.Mkdir(t, root+testPrefix+"/empty")
		elftest.Symlink(t, "x.csv", root+testPrefix+"/venv/lib/a/tests/data/link")
		return root
	}
	root := build(t)
	report, err := prune(t.Context(), root, testPrefix, []Prune{
		{Paths: []string{"venv/lib/**/tests"}, Keep: []string{"venv/lib/a/b/tests/needed.py", "venv/lib/stubs"}, Reason: "tests"},
		{Paths: []string{"share/*.map"}, Reason: "maps"},
		{Paths: []string{"**/no-such-file"}, Reason: "other versions", Optional: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Pruned{{"tests", 4, 12}, {"maps", 1, 4}, {"other versions", 0, 0}}, report); diff != "" {
		t.Error(diff)
	}
	var left []string
	for name := range listing(t, root) {
		left = append(left, name)
	}
	want := map[string]bool{
		"venv/lib/a/__init__.py": true, "venv/lib/a/b/tests/needed.py": true, "venv/lib/latest/x.py": true,
		"share/app.js": true, "share/maps/world.map": true, "venv/lib/stubs/x/tests/y.py": true,
	}
	got := map[string]bool{}
	for _, name := range left {
		got[name] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for dir, want := range map[string]bool{"empty": true, "venv/lib/a/tests": false, "venv/lib/a/b/tests": true} {
		if _, err := os.Stat(filepath.Join(root, testPrefix, dir)); (err == nil) != want {
			t.Errorf("%s: %v, want it there: %v", dir, err, want)
		}
	}

	for _, rule := range []Prune{
		{Paths: []string{"venv/lib/**/tests", "share/*.png"}, Reason: "a path that matches nothing"},
		{Paths: []string{"venv/lib/**/tests"}, Keep: []string{"venv/lib/a/tests/none"}, Reason: "an exception that matches nothing"},
	} {
		if _, err := prune(t.Context(), build(t), testPrefix, []Prune{rule}); err == nil || !strings.Contains(err.Error(), "matches no file") {
			t.Errorf("%s: error %v", rule.Reason, err)
		}
	}
}

func TestPruneRuleRefused(t *testing.T) {
	for _, rule := range []Prune{
		{Paths: []string{"a"}},
		{Reason: "no paths"},
		{Paths: []string{"/openhands/a"}, Reason: "absolute"},
		{Paths: []string{"../a"}, Reason: "outside"},
		{Paths: []string{"**"}, Reason: "everything"},
		{Paths: []string{"a/[b"}, Reason: "no pattern"},
	} {
		if rule.validate() == nil {
			t.Errorf("rule %q was taken: %s", rule.Paths, rule.Reason)
		}
	}
}
