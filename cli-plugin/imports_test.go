package main

import (
	"bytes"
	"go/build"
	"io/fs"
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

// TestSizes holds every package to a quarter of the plugin: one that is larger has
// more than one idea.
func TestSizes(t *testing.T) {
	lines, all := map[string]int{}, 0
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		count := bytes.Count(text, []byte("\n"))
		lines[filepath.Dir(name)] += count
		all += count
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if all == 0 {
		t.Fatal("there are no lines")
	}
	for name, count := range lines {
		if 4*count > all {
			t.Errorf("%s has %d lines, more than a quarter of %d", name, count, all)
		}
	}
}
