package lab

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestAptMirrors(t *testing.T) {
	etc := fstest.MapFS{
		"sources.list": {Data: []byte("# deb http://off.example/debian bookworm main\n" +
			"deb [arch=amd64 signed-by=/k] http://one.example/debian/ bookworm main contrib\n" +
			"deb-src http://src.example/debian bookworm main\n" +
			"deb http://sec.example/debian-security bookworm-security main\n")},
		"sources.list.d/debian.sources": {Data: []byte("Types: deb deb-src\n# why\nURIs: http://two.example/debian\n" +
			"Suites: trixie\n trixie-updates\nComponents: main\n\n" +
			"Types: deb\nURIs: http://other.example/\nSuites: nodistro\nComponents: main\n\n" +
			"Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: trixie\nComponents: main\n")},
		"sources.list.d/again.list":  {Data: []byte("deb http://one.example/debian trixie main\n")},
		"sources.list.d/readme.save": {Data: []byte("deb http://saved.example/debian trixie main\n")},
	}
	got, err := aptMirrors(etc)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"http://one.example/debian", "http://two.example/debian"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := aptMirrors(fstest.MapFS{}); err == nil {
		t.Error("no error for a machine without a Debian mirror")
	}
}
