package command

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

var update = flag.Bool("update", false, "write docs/reference and the expected output in the scripts")

// TestReference holds docs/reference to the commands and their flags.
func TestReference(t *testing.T) {
	const folder = "../../docs/reference"
	root, err := Tree()
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{}
	var add func(*cobra.Command)
	add = func(cmd *cobra.Command) {
		if cmd.Hidden || cmd.Name() == "help" {
			return
		}
		cmd.DisableAutoGenTag = true
		cmd.InitDefaultHelpFlag()
		var page bytes.Buffer
		if err := doc.GenMarkdownCustom(cmd, &page, func(link string) string { return link }); err != nil {
			t.Fatal(err)
		}
		text, _, _ := strings.Cut(page.String(), "### SEE ALSO")
		text, _, _ = strings.Cut(text, "### Options\n")
		if sections := flagSections(cmd, 0); len(sections) > 0 {
			text += "### Options\n"
			for _, section := range sections {
				text += "\n" + section.Title + ":\n\n```\n" + section.Text + "\n```\n"
			}
		}
		pages[strings.ReplaceAll(cmd.CommandPath(), " ", "_")+".md"] = strings.TrimSpace(text) + "\n"
		for _, child := range cmd.Commands() {
			add(child)
		}
	}
	add(root)
	if *update {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, page := range pages {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(page), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(pages)), names); diff != "" {
		t.Errorf("the commands (-) and the pages in docs/reference (+):\n%s", diff)
	}
	for name, want := range pages {
		got, _ := os.ReadFile(filepath.Join(folder, name)) // a missing one is told above
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s is stale, 'make update' writes it (-want +got):\n%s", name, diff)
		}
	}
}
