package main

import (
	"go/build"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestImports holds the table in docs/architecture.md to what packages import
// of each other.
func TestImports(t *testing.T) {
	text, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `([a-z/-]+)` \\| .* \\| ([a-z, ]+).* \\|$").FindAllStringSubmatch(string(text), -1)
	if len(rows) < 15 {
		t.Fatalf("%d rows are found", len(rows))
	}
	for _, row := range rows {
		told := strings.Split(row[2], ", ")
		if slices.Contains(told, "all of the plugin") || slices.Contains(told, "everything") {
			continue
		}
		p, err := build.ImportDir(filepath.Join("..", row[1]), 0)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, name := range p.Imports {
			if _, ours, ok := strings.Cut(name, "docker-openhands/docker-openhands/"); ok && !slices.Contains(told, path.Base(ours)) {
				t.Errorf("%s imports %s, and the table says %q", row[1], ours, told)
			}
		}
	}
}
