package settings

import (
	"os"
	"strings"
	"testing"
)

// TestDocument wants every name that OpenHands has for a setting in the
// document, in the row of that setting.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| setting | variable | config.toml |\n|---|---|---|\n")
	if !found {
		t.Fatal("there is no table of settings")
	}
	rows := map[string]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "`")
		if !strings.HasPrefix(line, "| `") {
			break
		}
		rows[cells[1]] = line
	}
	for setting, known := range spellings {
		names := known.variables
		for _, key := range known.keys {
			names = append(names, strings.Join(key, "."))
		}
		for _, name := range names {
			if !strings.Contains(rows[setting], "`"+name+"`") {
				t.Errorf("the row of %s lacks %s", setting, name)
			}
		}
		delete(rows, setting)
	}
	for setting := range rows {
		t.Errorf("OpenHands knows no %s", setting)
	}
}
