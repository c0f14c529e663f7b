package bundler

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/bundler/internal/elftest"
)

// A file that is cut still runs, keeps its dynamic symbols and is what the
// tools of binutils take for a whole ELF file.
func TestStrip(t *testing.T) {
	root := t.TempDir()
	lib := elftest.Library(t, root+testPrefix+"/lib/libanswer.so", "static int hidden(void) { return 42; } int answer(void) { return hidden(); }", "-g")
	program := elftest.Compile(t, root+testPrefix+"/bin/ask", "int answer(void); int main(void) { return answer() != 42; }", "-g", "-Wl,-rpath,"+filepath.Dir(lib), lib)
	archive := elftest.Compile(t, root+testPrefix+"/bin/archive", "int main(void) { return 0; }", "-g")
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

	saved, err := Strip(t.Context(), root, testPrefix)
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
	if again, err := Strip(t.Context(), root, testPrefix); err != nil || again != 0 {
		t.Errorf("stripped %d bytes again, %v", again, err)
	}
}
