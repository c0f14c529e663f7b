package payload

import (
	"strings"
	"testing"
)

func TestParseManifest(t *testing.T) {
	m, err := ParseManifest([]byte(`{"schemaVersion": 1, "server": "agent-server", "components": [{"name": "core"}]}`))
	if err != nil || m.Server != AgentServer || len(m.Components) != 1 {
		t.Errorf("%+v, %v", m, err)
	}
	for text, want := range map[string]string{
		"":                                      ManifestFile,
		"{}":                                    "schema version 0",
		`{"schemaVersion": 2, "server": "x"}`:   "schema version 2, this program knows 1",
		`{"schemaVersion": 1, "server": 2}`:     "server",
		`{"schemaVersion": 1, "server": "x"} 1`: ManifestFile,
		`{"schemaVersion": 1, "server": "x", "components": [` + strings.Repeat("{},", maxMembers) + "{}]}": "holds more than 100000 values",
	} {
		m, err := ParseManifest([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || m.Server != "" {
			t.Errorf("%q: %+v, %v, want an error with %q", text, m, err, want)
		}
	}
}

func TestPackageURL(t *testing.T) {
	for want, p := range map[string]Package{
		"pkg:deb/debian/libstdc%2B%2B6@14.2.0-19": {Type: "deb", Name: "libstdc++6", Version: "14.2.0-19"},
		"pkg:pypi/uvicorn@0.30":                   {Type: "pypi", Name: "uvicorn", Version: "0.30"},
		"pkg:npm/%40scope/name@1.0.0":             {Type: "npm", Name: "@scope/name", Version: "1.0.0"},
	} {
		if got := p.URL(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
