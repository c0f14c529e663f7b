package pack

import (
	"strings"
	"testing"
)

func TestParseRecipe(t *testing.T) {
	good := `{"name":"x","programs":[{"from":"/a","to":"/openhands/a"}],"rewrites":[{"file":"/openhands/a","old":"/usr/x","new":"/y","count":1,"pad":"slash"}]}`
	if _, err := ParseRecipe([]byte(good), testPrefix); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{
		`{"name":"x","program":[]}`: `unknown field "program"`,
		`{"name":"../x"}`:           "cannot be a file name",
		`{"name":"x","programs":[{"from":"/a","to":"/opt/a"}]}`:                               "not a clean path below",
		`{"name":"x","links":[{"path":"/openhands/../etc/a","target":"b"}]}`:                  "not a clean path below",
		`{"name":"x","trees":[{"from":"a","to":"/openhands/a"}]}`:                             "not absolute",
		`{"name":"x","trees":[{"from":"/a","to":"/openhands/a","exclude":["["]}]}`:            "syntax error in pattern",
		`{"name":"x","rewrites":[{"file":"/openhands/a","old":"a","new":"bb","count":1}]}`:    "is longer than",
		`{"name":"x","rewrites":[{"file":"/openhands/a","old":"aa","new":"b"}]}`:              "count must be given",
		`{"name":"x","rewrites":[{"file":"/openhands/a","old":"a","count":1,"pad":"space"}]}`: "neither",
	} {
		if _, err := ParseRecipe([]byte(text), testPrefix); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}
