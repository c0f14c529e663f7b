package bundler

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPrune(t *testing.T) {
	build := func(t *testing.T) string {
		root := t.TempDir()
		for _, name := range []string{
			"venv/lib/a/__init__.py", "venv/lib/a/tests/__init__.py", "venv/lib/a/tests/data/x.csv",
			"venv/lib/a/b/tests/test_b.py", "venv/lib/a/b/tests/needed.py", "venv/lib/latest/x.py",
			"share/app.js", "share/app.js.map", "share/maps/world.map", "venv/lib/stubs/x/tests/y.py",
		} {
			mustWrite(t, root+testPrefix+"/"+name, "1234", 0o644)
		}
		mustMkdir(t, root+testPrefix+"/empty")
		mustLink(t, "x.csv", root+testPrefix+"/venv/lib/a/tests/data/link")
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

// A file that is cut still runs, keeps its dynamic symbols and is what the
// tools of binutils take for a whole ELF file.
func TestStrip(t *testing.T) {
	root := t.TempDir()
	lib := library(t, root+testPrefix+"/lib/libanswer.so", "static int hidden(void) { return 42; } int answer(void) { return hidden(); }", "-g")
	program := compile(t, root+testPrefix+"/bin/ask", "int answer(void); int main(void) { return answer() != 42; }", "-g", "-Wl,-rpath,"+filepath.Dir(lib), lib)
	archive := compile(t, root+testPrefix+"/bin/archive", "int main(void) { return 0; }", "-g")
	file, err := os.OpenFile(archive, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("PK what the program reads from its own end"); err != nil {
		t.Fatal(err)
	}
	file.Close()
	before := map[string][]byte{}
	for _, name := range []string{lib, program, archive} {
		if before[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}

	saved, err := strip(t.Context(), root, testPrefix)
	if err != nil {
		t.Fatal(err)
	}
	var gone int64
	for name, old := range before {
		now, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		gone += int64(len(old) - len(now))
		if name == archive {
			if string(now) != string(old) {
				t.Error("a file with an archive at its end was changed")
			}
			continue
		}
		if len(now) >= len(old) {
			t.Errorf("%s has %d bytes, had %d", name, len(now), len(old))
		}
		if text, err := exec.Command("readelf", "--wide", "--all", name).CombinedOutput(); err != nil || strings.Contains(string(text), "Warning") || strings.Contains(string(text), ".debug_") || strings.Contains(string(text), "'.symtab'") {
			t.Errorf("readelf %s: %v\n%s", name, err, text)
		}
	}
	if saved != gone || saved <= 0 {
		t.Errorf("reported %d bytes, %d went", saved, gone)
	}
	if text, err := exec.Command(program).CombinedOutput(); err != nil {
		t.Errorf("the program does not run: %v %s", err, text)
	}
	object, err := elf.Open(lib)
	if err != nil {
		t.Fatal(err)
	}
	defer object.Close()
	if symbols, err := object.DynamicSymbols(); err != nil || len(symbols) == 0 {
		t.Errorf("dynamic symbols %v, %v", symbols, err)
	}
	if again, err := strip(t.Context(), root, testPrefix); err != nil || again != 0 {
		t.Errorf("stripped %d bytes again, %v", again, err)
	}
}

func TestJoinEqual(t *testing.T) {
	root := t.TempDir()
	mustWrite(t, root+testPrefix+"/a", "equal", 0o644)
	mustWrite(t, root+testPrefix+"/b/c", "equal", 0o644)
	mustWrite(t, root+testPrefix+"/b/program", "equal", 0o755)
	mustWrite(t, root+testPrefix+"/d", "other", 0o644)
	mustWrite(t, root+testPrefix+"/empty", "", 0o644)
	mustWrite(t, root+testPrefix+"/void", "", 0o644)
	saved, err := joinEqual(t.Context(), root, testPrefix)
	if err != nil || saved != 5 {
		t.Errorf("saved %d, %v", saved, err)
	}
	want := map[string]string{
		"a": "-rw-r--r-- equal", "b/c": "= a", "b/program": "-rwxr-xr-x equal", "d": "-rw-r--r-- other",
		"empty": "-rw-r--r-- ", "void": "-rw-r--r-- ",
	}
	if diff := cmp.Diff(want, listing(t, root)); diff != "" {
		t.Error(diff)
	}
}
