package settings

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSetDocker(t *testing.T) {
	const full = `{
	"auths": {
		"b.example": {
			"auth": "x=="
		},
		"a.example": {}
	},
	"unknown": {
		"z": 1.0,
		"a": "<&>"
	},
	"plugins": {
		"other": {
			"k": "v"
		},
		"openhands": {
			"user": "me",
			"from the future": "kept"
		}
	},
	"credsStore": "secretservice"
}
`
	for name, test := range map[string]struct{ text, key, value, want string }{
		"new file":     {"", "mode", "two-stage", "{\n\t\"plugins\": {\n\t\t\"openhands\": {\n\t\t\t\"mode\": \"two-stage\"\n\t\t}\n\t}\n}\n"},
		"null":         {"null", "mode", "<x>", "{\n\t\"plugins\": {\n\t\t\"openhands\": {\n\t\t\t\"mode\": \"<x>\"\n\t\t}\n\t}\n}\n"},
		"last removed": {`{"plugins":{"openhands":{"mode":"x"}}}`, "mode", "", "{}\n"},
		"others stay":  {`{"plugins":{"openhands":{"mode":"x"},"o":{}},"z":1,"a":2}`, "mode", "", "{\n\t\"plugins\": {\n\t\t\"o\": {}\n\t},\n\t\"z\": 1,\n\t\"a\": 2\n}\n"},
		"no such":      {`{"z":1,"a":{}}`, "mode", "", "{\n\t\"z\": 1,\n\t\"a\": {}\n}\n"},
	} {
		got, err := SetDocker([]byte(test.text), test.key, test.value)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, string(got)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}

	there, err := SetDocker([]byte(full), "user", "you")
	if err != nil {
		t.Fatal(err)
	}
	back, err := SetDocker(there, "user", "me")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full, string(back)); diff != "" || string(there) == full {
		t.Errorf("there and back again: %s", diff)
	}

	for _, text := range []string{"[]", "{", `{"plugins":[]}`, `{"plugins":{"openhands":"x"}}`, `{"a":1} x`, `{"a":1,}`} {
		if got, err := SetDocker([]byte(text), "mode", "x"); err == nil {
			t.Errorf("%s became %s", text, got)
		}
	}
}
