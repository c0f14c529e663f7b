package command

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"
)

// What people see of every command's help on a terminal of 80 columns.
func TestHelpFitsTheTerminal(t *testing.T) {
	root, err := Tree()
	if err != nil {
		t.Fatal(err)
	}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		cmd.DisableFlagsInUseLine = true // as docker has it for its plugins
		var help bytes.Buffer
		cmd.SetOut(&help)
		cmd.SetErr(&help)
		if err := writeUsage(cmd, &screen{columns: 80}); err != nil {
			t.Fatal(err)
		}
		example := false
		for line := range strings.Lines(help.String()) {
			line = strings.TrimSuffix(line, "\n")
			switch {
			case line == "Examples:":
				example = true
			case line == "":
				example = false
			}
			// A command has to be copied in one piece.
			if width := runewidth.StringWidth(line); width > 80 && !example {
				t.Errorf("%s: a line of %d columns: %s", cmd.CommandPath(), width, line)
			}
		}
		name := strings.TrimSpace(strings.TrimPrefix(cmd.CommandPath(), "docker openhands"))
		if name != "help" {
			golden(t, filepath.Join("testdata", "help", strings.ReplaceAll("root "+name, " ", "-")+".txt"), help.String())
		}
		if cmd.Runnable() && !cmd.HasSubCommands() && cmd.Example == "" && name != "help" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
	}
	walk(root)
}
