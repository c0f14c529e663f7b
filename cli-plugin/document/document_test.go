package document_test

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/cli-plugin/document"
	"github.com/docker-openhands/docker-openhands/cli-plugin/document/documenttest"
	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
)

var update = flag.Bool("update", false, "write docs/schemas")

const (
	folder = "../../docs/schemas"
	page   = "../../docs/json.md"
)

// comments are those of the types, and of their fields, that documents are made
// of.
func comments(t *testing.T) map[string]string {
	t.Helper()
	var r jsonschema.Reflector
	// A path is taken relative to the name of the package.
	const here = "github.com/docker-openhands/docker-openhands/cli-plugin/document"
	for _, sources := range []string{"../../cli-plugin", "../../internal/payload"} {
		if err := r.AddGoComments(here, sources, jsonschema.WithFullComment()); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range r.CommentMap {
		r.CommentMap[name] = strings.Join(strings.Fields(text), " ")
	}
	return r.CommentMap
}

// The schemas in docs/schemas are those of the types.
func TestSchemas(t *testing.T) {
	comments := comments(t)
	want := map[string]string{}
	for name := range document.All() {
		want[name+".json"] = string(documenttest.Schema(t, name, comments, false))
	}
	if *update {
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	found, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, file := range found {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(file)] = string(text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/schemas is stale, 'make update' writes it (-want +got):\n%s", diff)
	}
}

// The page of the documents links to every schema.
func TestPageNamesEveryDocument(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(document.All())) {
		if !bytes.Contains(text, []byte("(schemas/"+name+".json)")) {
			t.Errorf("docs/json.md does not name the schema of %s", name)
		}
	}
}

// Names are in camelCase.
func TestSpelling(t *testing.T) {
	for name := range document.All() {
		for line := range strings.Lines(string(documenttest.Schema(t, name, nil, false))) {
			key, _, _ := strings.Cut(strings.TrimLeft(line, " "), ":")
			if strings.ContainsAny(key, "_-") {
				t.Errorf("%s: %s", name, key)
			}
		}
	}
}
