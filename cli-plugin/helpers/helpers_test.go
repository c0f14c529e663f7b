package helpers

import (
	"errors"
	"testing"
	"testing/fstest"

	"github.com/docker-openhands/docker-openhands/cli-plugin/problem"
)

func TestReadWantsEveryBinary(t *testing.T) {
	files := fstest.MapFS{}
	for _, name := range Names() {
		_, err := read(files, "amd64")
		var p *problem.Error
		if !errors.As(err, &p) || p.Code != problem.NoHelpers {
			t.Fatalf("without %s: got %v, want %s", name, err, problem.NoHelpers)
		}
		files["bin/amd64/"+name] = &fstest.MapFile{Data: []byte(name)}
	}
	got, err := read(files, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Names() {
		if string(got[name]) != name {
			t.Errorf("%s holds %q", name, got[name])
		}
	}
	if _, err := read(files, "arm64"); err == nil {
		t.Error("an architecture without binaries is no error")
	}
}
