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
	rows := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "`"); strings.HasPrefix(line, "| `") && !strings.HasPrefix(line, "| `{") { // a placeholder is no setting
			rows[cells[1]] = line
		}
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
