package templates

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/bundler/pack"
)

func TestLean(t *testing.T) {
	full := Component{
		Name: "environment", Server: "one", Files: map[string][]byte{"install.sh": nil},
		Prune: []pack.Prune{{Paths: []string{"tests"}, Reason: "tests"}},
		Lean: &Lean{
			Requirements: []LeftOut{{Packages: []string{"alembic", "redis"}, Reason: "the database"}},
			Prune:        []pack.Prune{{Paths: []string{"pages"}, Reason: "pages"}},
		},
	}
	all := []Component{full, {Name: "sources", Server: "two"}}

	selected, err := Select(all, Choice{Server: "one", Lean: true})
	if err != nil {
		t.Fatal(err)
	}
	c := selected[0]
	if got := string(c.Files[leanFile]); got != "alembic\nredis\n" {
		t.Errorf("%s is %q", leanFile, got)
	}
	if len(c.Prune) != 2 || len(full.Prune) != 1 || len(full.Files) != 1 {
		t.Errorf("prunes %v; of the full form %v, files %v", c.Prune, full.Prune, full.Files)
	}
	if got := strings.Join(c.Lean.Report(), "\n"); got != "the database: alembic, redis\npages" {
		t.Errorf("report %q", got)
	}
	if selected, err = Select(all, Choice{Server: "one"}); err != nil || selected[0].Files[leanFile] != nil {
		t.Errorf("the full form has %s, %v", leanFile, err)
	}
	if _, err := Select(all, Choice{Server: "two", Lean: true}); err == nil {
		t.Error("a lean payload without a component that has a lean form was taken")
	}
}

// TestLeanDocument holds the lists of docs/lean.md to the components.
func TestLeanDocument(t *testing.T) {
	const name = "../docs/lean.md"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	components, err := Components()
	if err != nil {
		t.Fatal(err)
	}
	var lists strings.Builder
	for _, c := range components {
		if c.Lean == nil {
			continue
		}
		fmt.Fprintf(&lists, "## %s\n\n", c.Name)
		for _, line := range c.Lean.Report() {
			fmt.Fprintf(&lists, "- %s\n", line)
		}
	}
	about, _, _ := strings.Cut(string(text), "## ")
	want := about + lists.String()
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(text) != want {
		t.Errorf("%s is stale, 'make update' writes it:\n%s", name, want)
	}
}
