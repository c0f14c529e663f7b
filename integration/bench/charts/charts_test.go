package charts

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const page = "../../../docs/benchmarks.md"

// The pictures are those of the figures in the page: "make charts" draws them.
func TestCurrent(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	illustrated, err := Illustrate(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if illustrated != string(text) {
		t.Error("the page has other pictures than it should")
	}
	folder := filepath.Join(filepath.Dir(page), Folder)
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != len(All()) {
		t.Errorf("%d files in %s, want %d: %v", len(files), folder, len(All()), err)
	}
	for _, c := range All() {
		want, err := c.Draw(string(text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(folder, c.File))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not of these figures", c.File)
		}
	}
}

const report = "# R\n\n## S\n\nText.\n\n| base | s | MB |\n|---|--:|--:|\n| `a` | 1.5 | 20 |\n| b | 2 | 30 |\n\n## T\n\n| | s |\n|---|--:|\n| x | no |\n\n## U\n"

func TestRead(t *testing.T) {
	for name, test := range map[string]struct {
		chart Chart
		want  string
	}{
		"a column no table has": {Chart{Section: "S", Columns: []string{"kg"}}, `it has no column "kg"`},
		"a cell that is a word": {Chart{Section: "T", Columns: []string{"s"}}, `the row "x": strconv.ParseFloat`},
		"no table":              {Chart{Section: "U", Columns: []string{"s"}}, "it has no rows"},
		"no section":            {Chart{Section: "V", Columns: []string{"s"}}, "it has no rows"},
	} {
		if _, err := test.chart.Draw(report); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	svg, err := Chart{Section: "S", Title: "In <MB>", Columns: []string{"MB", "s"}}.Draw(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{">1.5<", ">30<", "`a`", "In &lt;MB&gt;"} {
		if !strings.Contains(string(svg), part) {
			t.Errorf("%q is not in %s", part, svg)
		}
	}
	if _, err := Illustrate(report); err == nil {
		t.Error("a page without the sections has pictures")
	}
}
