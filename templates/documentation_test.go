package templates

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/docker-openhands/docker-openhands/bundler"
	"github.com/docker-openhands/docker-openhands/bundler/pack"
	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// TestDocumentation loads what docs/components.md shows of component.toml: the
// example, and the list of keys, which has to name every one.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../docs/components.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, part := range strings.Split(string(text), "```toml\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		blocks = append(blocks, block)
	}
	if len(blocks) != 2 {
		t.Fatalf("there are %d examples", len(blocks))
	}
	example, err := os.ReadFile("../docs/examples/ffmpeg/component.toml")
	if err != nil {
		t.Fatal(err)
	}
	if string(example) != blocks[0] {
		t.Errorf("the document shows\n%s\nand not\n%s", blocks[0], example)
	}
	for _, block := range blocks {
		folder := fstest.MapFS{componentFile: {Data: []byte(block)}, "releases.txt": {Data: []byte("openhands-ai==1")}}
		if _, err := load("x", folder, "docs"); err != nil {
			t.Errorf("%v in\n%s", err, block)
		}
	}
	for _, of := range []reflect.Type{
		reflect.TypeFor[Component](), reflect.TypeFor[ReleaseList](), reflect.TypeFor[pack.Copy](), reflect.TypeFor[bundler.Link](),
		reflect.TypeFor[bundler.Rewrite](), reflect.TypeFor[pack.Prune](), reflect.TypeFor[Lean](), reflect.TypeFor[LeftOut](), reflect.TypeFor[payload.Launcher](),
	} {
		for i := range of.NumField() {
			field := of.Field(i)
			key := strings.ToLower(field.Name)
			if field.Tag.Get("toml") != "-" && !strings.Contains(blocks[1], key+" =") && !strings.Contains(blocks[1], "["+key) && !strings.Contains(blocks[1], "[lean."+key) {
				t.Errorf("the key %s of %s is not in the list", key, of)
			}
		}
	}
}
