package command

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Every flag of a command with settings says what it is, settings of one name
// are one setting, and what facts name is there.
func TestFacts(t *testing.T) {
	root, err := Tree()
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]facts{} // of settings
	var commands []string
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		var flags []*pflag.Flag
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" {
				flags = append(flags, f)
			}
		})
		if !slices.ContainsFunc(flags, isSetting) {
			return
		}
		commands = append(commands, strings.TrimPrefix(cmd.CommandPath(), "docker openhands "))
		hasModes := cmd.Flags().Lookup(modeFlag) != nil // and with them the old spellings
		for _, flag := range flags {
			f, where := factsOf(flag), cmd.CommandPath()+" --"+flag.Name
			if !f.call && len(f.modes) == 0 {
				t.Errorf("%s says neither a mode in which it has a meaning nor that it is about one call", where)
			}
			if f.group == "" || !slices.Contains(flagGroups(), f.group) {
				t.Errorf("%s is in the group %q of the help", where, f.group)
			}
			if slices.ContainsFunc(f.modes, func(mode string) bool { return !slices.Contains(bothModes(), mode) }) {
				t.Errorf("%s is for the modes %q", where, f.modes)
			}
			if len(f.choices) > 0 && !slices.Contains(f.choices, flag.DefValue) {
				t.Errorf("%s is %q by default, none of %q", where, flag.DefValue, f.choices)
			}
			if other := cmd.Flags().Lookup(f.denies); f.denies != "" && (other == nil || !isSetting(other)) {
				t.Errorf("%s denies %s, which is no setting", where, f.denies)
			}
			for _, old := range f.spellings {
				if hasModes && cmd.Flags().Lookup(strings.ReplaceAll(old, "-", "_")) != flag {
					t.Errorf("%s is not found as --%s", where, old)
				}
			}
			if !isSetting(flag) {
				continue
			}
			if before, twice := told[flag.Name]; !twice {
				told[flag.Name] = f
			} else if diff := cmp.Diff(before, f, cmp.AllowUnexported(facts{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s has other facts than the same setting elsewhere:\n%s", where, diff)
			}
		}
	}
	walk(root)
	if diff := cmp.Diff([]string{"batch", "build", "deps build", "migrate", "run", "tags"}, commands); diff != "" {
		t.Errorf("commands with settings:\n%s", diff)
	}
	for name, f := range told {
		if _, known := told[f.yieldsTo]; f.yieldsTo != "" && !known {
			t.Errorf("%s yields to %s, which is no setting", name, f.yieldsTo)
		}
	}
}

// What is given to a flag is what is found at it.
func TestAnnotate(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.String("all", "", "")
	flags.String("none", "", "")
	want := facts{group: groupHow, modes: bothModes(), call: true, kind: "k", choices: []string{"a", "b"}, suggests: "s", yieldsTo: "y", denies: "d", spellings: []string{"e", "f"}}
	annotate(flags, map[string]facts{"all": want, "none": {}})
	if diff := cmp.Diff(want, factsOf(flags.Lookup("all")), cmp.AllowUnexported(facts{})); diff != "" {
		t.Error(diff)
	}
	if none := flags.Lookup("none"); len(none.Annotations) > 0 || isSetting(none) {
		t.Errorf("a flag without facts has %v", none.Annotations)
	}
}
